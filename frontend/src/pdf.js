// What draws pages of PDFs on a canvas; its worker is pdf-worker.js beside it. Outside browsers it would draw with @napi-rs/canvas,
// a program for each kind of machine: package.json puts a package in its place ("overrides") that is here anyway.
export { getDocument, PDFWorker } from "pdfjs-dist";
