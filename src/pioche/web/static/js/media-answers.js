// Models that take or give pictures, sound or tables: what they are asked, and how their answers are shown.
import { bars, element } from "./answer-parts.js";

const SVG = "http://www.w3.org/2000/svg";
const MASKS_MAX = 20;

// A file of the form as the task API takes it: base64.
export async function given(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

// Shows what was chosen, below its field.
export function preview(input, place) {
  const [file] = input.files;
  place.replaceChildren(...(file ? [shownFile(file, input.dataset.kind)] : []));
}

function shownFile(file, kind) {
  const source = URL.createObjectURL(file);
  if (kind === "image") return element("img", "", { src: source, alt: file.name });
  return element(kind === "video" ? "video" : "audio", "", { src: source, controls: "" });
}

// The picture that was asked about, with a box for each thing on it.
function boxed(found) {
  const picture = document.querySelector("model-widget .widget-given img");
  if (!found.length) return [];
  if (!picture) return bars(found);
  const figure = element("figure", "", { class: "widget-boxes" });
  const copy = element("img", "", { src: picture.src, alt: "" });
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `0 0 ${picture.naturalWidth} ${picture.naturalHeight}`);
  drawing.setAttribute("aria-hidden", "true");
  for (const { box } of found) {
    const rectangle = document.createElementNS(SVG, "rect");
    const [x, y] = [box.xmin, box.ymin];
    for (const [name, value] of Object.entries({ x, y, width: box.xmax - x, height: box.ymax - y })) rectangle.setAttribute(name, value);
    drawing.append(rectangle);
  }
  figure.append(copy, drawing);
  return [figure, ...bars(found)];
}

function png(content, label) {
  return element("img", "", { src: `data:image/png;base64,${content}`, alt: label, class: "widget-mask" });
}

function segments(found) {
  return found.flatMap(({ label, score, mask }) => [
    ...(score === null ? [element("p", label, { translate: "no" })] : bars([{ label, score }])), png(mask, label),
  ]);
}

// Masks have no names: they are told apart by their place among the surest.
function masks(found) {
  return segments(found.slice(0, MASKS_MAX).map((one, at) => ({ label: String(at + 1), ...one })));
}

function written(found) {
  const [first] = found;
  const text = first.generated_text ?? first.translation_text ?? first.summary_text ?? "";
  return text ? [element("p", text, { class: "widget-text", translate: "no" })] : [];
}

function table(text) {
  const [names, ...rows] = text.trim().split("\n").map((row) => row.split(",").map((cell) => cell.trim()));
  return Object.fromEntries(names.map((name, column) => [name, rows.map((row) => row[column] ?? "")]));
}

const words = ({ text }) => ({ inputs: text });
const ofImage = ({ image }) => ({ inputs: image });
const ofSound = ({ sound }) => ({ inputs: sound });
const labelled = ({ image, sound, candidate_labels: labels }) => ({ inputs: image ?? sound, parameters: { candidate_labels: labels } });
const askedAbout = ({ image, question }) => ({ inputs: { image, question } });
const seen = ({ image, question }) => ({ inputs: { image, text: question } });
const answered = (found) => bars(found.map(({ answer, score }) => ({ label: answer, score })));
const spoken = (found) => [element("audio", "", { src: URL.createObjectURL(found), controls: "" })];
// A picture is described by what it was asked to be.
const drawn = (found, { inputs, parameters }) =>
  [element("img", "", { src: URL.createObjectURL(found), alt: parameters?.prompt ?? inputs, class: "widget-mask" })];

export const MEDIA = {
  "image-classification": { question: ofImage, show: bars },
  "object-detection": { question: ofImage, show: boxed },
  "image-segmentation": { question: ofImage, show: segments },
  "mask-generation": { question: ofImage, show: masks },
  "depth-estimation": { question: ofImage, show: ({ depth }) => [png(depth, "")] },
  "image-to-text": { question: ofImage, show: written },
  "zero-shot-image-classification": { question: labelled, show: bars },
  "zero-shot-object-detection": { question: labelled, show: boxed },
  "visual-question-answering": { question: askedAbout, show: answered },
  "document-question-answering": { question: askedAbout, show: answered },
  "image-text-to-text": { question: seen, show: written },
  "any-to-any": { question: seen, show: written },
  "video-classification": { question: ({ video }) => ({ inputs: video }), show: bars },
  "audio-classification": { question: ofSound, show: bars },
  "zero-shot-audio-classification": { question: labelled, show: bars },
  "automatic-speech-recognition": { question: ofSound, show: ({ text }) => (text ? [element("p", text, { class: "widget-text" })] : []) },
  "text-to-speech": { question: words, show: spoken },
  "text-to-audio": { question: words, show: spoken },
  "text-to-image": { question: words, show: drawn },
  "image-to-image": { question: ({ image, text }) => ({ inputs: image, parameters: { prompt: text } }), show: drawn },
  translation: { question: words, show: written },
  summarization: { question: words, show: written },
  "text2text-generation": { question: words, show: written },
  "table-question-answering": {
    question: ({ text, table: rows }) => ({ inputs: { query: text, table: table(rows) } }),
    show: ({ answer }) => [element("p", answer, { class: "widget-text" })],
  },
};
