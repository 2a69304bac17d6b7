// Which of the chosen files the branch has already, byte for byte: they need not be sent. Small files are compared; large ones
// by their sha256, where the browser can make it at once (a page that came over https, or from this machine).
const COMPARED_BYTES_MAX = 10_000_000;
const HASHED_BYTES_MAX = 256_000_000;
const ASKED_AT_ONCE = 500;

// `byPath` has an item with a `file` by path; gives the paths.
export async function sameAsInRepo(repo, byPath, fetch) {
  const same = [];
  const paths = [...byPath.keys()];
  for (let start = 0; start < paths.length; start += ASKED_AT_ONCE) {
    for (const entry of await entries(repo, paths.slice(start, start + ASKED_AT_ONCE), fetch)) {
      const file = byPath.get(entry.path)?.file;
      if (file && entry.type === "file" && entry.size === file.size && (await isSame(repo, entry, file, fetch))) {
        same.push(entry.path);
      }
    }
  }
  return same;
}

async function entries(repo, paths, fetch) {
  const answer = await fetch(`${repo.api}/paths-info/${encodeURIComponent(repo.rev)}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ paths }),
  });
  return answer.ok ? answer.json() : [];
}

async function isSame(repo, entry, file, fetch) {
  if (entry.lfs) {
    if (!globalThis.crypto?.subtle || file.size > HASHED_BYTES_MAX) return false;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") === entry.lfs.oid;
  }
  if (file.size > COMPARED_BYTES_MAX) return false;
  const path = entry.path.split("/").map(encodeURIComponent).join("/");
  const answer = await fetch(`${repo.base}/raw/${encodeURIComponent(repo.rev)}/${path}`);
  if (!answer.ok) return false;
  const [theirs, ours] = [new Uint8Array(await answer.arrayBuffer()), new Uint8Array(await file.arrayBuffer())];
  return theirs.length === ours.length && theirs.every((byte, place) => byte === ours[place]);
}
