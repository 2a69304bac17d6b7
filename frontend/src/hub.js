// Uploads from the browser, by the Hub's own client: hashes, LFS and Xet, progress.
export { commit, commitIter, deleteFiles, uploadFilesWithProgress } from "@huggingface/hub";
