// node bundle.mjs OUT: bundles each module of src/ into OUT and of browser/ into OUT/browser, and writes the tables of
// @huggingface/tasks to OUT/tasks.json.
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as tasks from "@huggingface/tasks";
import { build } from "esbuild";

const out = process.argv[2];

const modules = (folder) => readdirSync(folder).map((name) => join(folder, name));
const options = {
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  minify: true,
  legalComments: "none", // THIRD_PARTY.txt has all licences
  metafile: true,
  logLevel: "warning",
};

const bundled = await build({
  ...options,
  entryPoints: modules("src"),
  outdir: out,
  // Its entry for browsers, which its "exports" do not name.
  alias: {
    "@huggingface/hub": "./node_modules/@huggingface/hub/dist/browser/index.mjs",
    // One layout of several, of diagrams that ask for it by name: as large as half of mermaid, and under another kind of licence.
    "elkjs/lib/elk.bundled.js": "./absent.js",
  },
});

const browser = join(out, "browser");
const inBrowser = await build({
  ...options,
  entryPoints: modules("browser"),
  outdir: browser,
  alias: {
    "@huggingface/transformers": "./node_modules/@huggingface/transformers/dist/transformers.web.js",
    // The processor alone: the build for graphics cards is twice as large, and most visitors have no use for it.
    "onnxruntime-web/webgpu": "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs",
  },
});
for (const kind of ["mjs", "wasm"]) {
  const name = `ort-wasm-simd-threaded.${kind}`;
  copyFileSync(join("node_modules/onnxruntime-web/dist", name), join(browser, name));
}

// What the server knows of tasks, libraries and programs (pioche.search.tasks): names and links, no code.
const table = {
  tasks: Object.fromEntries(Object.entries(tasks.PIPELINE_DATA).map(([id, task]) => [id, {
    id, label: task.name, modality: task.modality,
    subtasks: (task.subtasks ?? []).map(({ type, name }) => ({ id: type, label: name })),
    libraries: tasks.TASKS_MODEL_LIBRARIES[id] ?? [],
    summary: tasks.TASKS_DATA[id]?.summary ?? "",
    datasets: tasks.TASKS_DATA[id]?.datasets ?? [],
    metrics: tasks.TASKS_DATA[id]?.metrics ?? [],
    models: tasks.TASKS_DATA[id]?.models ?? [],
    spaces: tasks.TASKS_DATA[id]?.spaces ?? [],
    widgetModels: tasks.TASKS_DATA[id]?.widgetModels ?? [],
  }])),
  libraries: Object.fromEntries(Object.entries(tasks.MODEL_LIBRARIES_UI_ELEMENTS).map(([id, library]) => [id, {
    label: library.prettyLabel, repo: library.repoUrl, docs: library.docsUrl ?? null, listed: library.filter ?? false,
  }])),
  apps: Object.fromEntries(Object.entries(tasks.LOCAL_APPS).map(([id, app]) => [id, {
    label: app.prettyLabel, docs: app.docsUrl, task: app.mainTask,
  }])),
  datasetLibraries: Object.fromEntries(Object.entries(tasks.DATASET_LIBRARIES_UI_ELEMENTS).map(([id, library]) => [id, {
    label: library.prettyLabel, repo: library.repoUrl,
  }])),
};
writeFileSync(join(out, "tasks.json"), JSON.stringify(table));
writeFileSync(join(out, "inputs.json"), JSON.stringify([...Object.keys(bundled.metafile.inputs), ...Object.keys(inBrowser.metafile.inputs)]));
