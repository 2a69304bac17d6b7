// "Use this model": the snippets that people know from the Hub, by library and by local program.
export { DATASET_LIBRARIES_UI_ELEMENTS, LOCAL_APPS, MODEL_LIBRARIES_UI_ELEMENTS, PIPELINE_DATA } from "@huggingface/tasks";
