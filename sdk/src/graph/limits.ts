/** Upper bounds every Graph keeps, so that no model file can make a later stage run out of memory. */

export const INT32_MIN = -(2 ** 31);
export const INT32_MAX = 2 ** 31 - 1;
/** Largest height, width, channel count, kernel, stride, dilation or padding. */
export const MAX_EXTENT = 65_535;
/** Elements of one tensor. */
export const MAX_TENSOR_ELEMENTS = 2 ** 25;
/** Elements of all tensors together (the reference holds them all as int32). */
export const MAX_GRAPH_ELEMENTS = 2 ** 27;
