export * from "./cifar10.js";
export * from "./dataset.js";
export * from "./image-folder.js";
export * from "./input-files.js";
export * from "./mnist.js";
export * from "./open-dataset.js";
export * from "./open-split.js";
export * from "./picture.js";
