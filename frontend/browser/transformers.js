// What Spaces import to run models in the visitor's browser: the library, with models, and the engine's own file, from the hub
// that this module comes from.
import { env } from "@huggingface/transformers";

env.remoteHost = new URL("/", import.meta.url).href;
env.allowLocalModels = false;
env.backends.onnx.wasm.wasmPaths = new URL("./", import.meta.url).href;

export * from "@huggingface/transformers";
