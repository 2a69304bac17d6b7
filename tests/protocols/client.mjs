// The JavaScript client against a hub: HUB, TOKEN and REPO are in the environment; prints what it found as JSON.
import { createHash } from "node:crypto";
import * as client from "@huggingface/hub";

const { HUB: hubUrl, TOKEN: accessToken, REPO: name } = process.env;
const repo = { type: "model", name };
const common = { hubUrl, accessToken, repo };
const digest = (bytes) => createHash("sha256").update(Buffer.from(bytes)).digest("hex");
const seed = createHash("sha256").update(name).digest();
const weights = new Uint8Array(3_000_000).map((_, index) => ((index * 2654435761) >>> 13) ^ seed[index % 32]);

const created = await client.createRepo({ ...common, private: true });
await client.uploadFiles({
  ...common,
  commitTitle: "From JavaScript",
  useXet: process.env.XET === "1",
  files: [
    { path: "notes.txt", content: new Blob(["notes\n"]) },
    { path: "sub folder/weights.bin", content: new Blob([weights]) },
  ],
});

const files = [];
let byXet = false;
for await (const file of client.listFiles({ ...common, recursive: true, expand: true })) {
  files.push(`${file.type} ${file.path}`);
  byXet ||= file.xetHash !== undefined;
}
const commits = [];
for await (const commit of client.listCommits(common)) {
  commits.push(commit.title);
}
const plain = await client.downloadFile({ ...common, path: "sub folder/weights.bin", xet: false });
const byDefault = await client.downloadFile({ ...common, path: "sub folder/weights.bin" });
const part = (await byDefault.slice(1000, 2000).arrayBuffer());
const info = await client.modelInfo({ hubUrl, accessToken, name, additionalFields: ["sha", "author"] });
const listed = [];
for await (const model of client.listModels({ hubUrl, accessToken, search: { owner: name.split("/")[0] } })) {
  listed.push(model.name);
}
const found = {
  url: created.repoUrl,
  files: files.sort(),
  byXet,
  commits,
  plain: digest(await plain.arrayBuffer()) === digest(weights),
  byDefault: digest(await byDefault.arrayBuffer()) === digest(weights),
  part: digest(part) === digest(weights.slice(1000, 2000)),
  exists: [await client.fileExists({ ...common, path: "notes.txt" }), await client.fileExists({ ...common, path: "no" })],
  info: [info.name, info.private, info.sha.length, info.author],
  listed: listed.includes(name),
  me: (await client.whoAmI({ hubUrl, accessToken })).name,
};
await client.deleteFile({ ...common, path: "notes.txt" });
found.afterDeletion = await client.fileExists({ ...common, path: "notes.txt" });
await client.createBranch({ ...common, branch: "dev" });
await client.deleteBranch({ ...common, branch: "dev" });
found.stranger = await client.modelInfo({ hubUrl, name }).catch((error) => error.statusCode);
await client.deleteRepo(common);
found.exists.push(await client.repoExists({ hubUrl, accessToken, repo }));
console.log(JSON.stringify(found));
