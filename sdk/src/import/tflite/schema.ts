/**
 * The numbers of TensorFlow Lite's schema (schema.fbs, version 3) that the importer needs: element types, operator
 * codes, and the field positions of each table. New fields are only ever appended there, so old and new files agree.
 */

export const FILE_IDENTIFIER = "TFL3";
export const SCHEMA_VERSION = 3;

export const elementTypeNames = [
  "FLOAT32",
  "FLOAT16",
  "INT32",
  "UINT8",
  "INT64",
  "STRING",
  "BOOL",
  "INT16",
  "COMPLEX64",
  "INT8",
  "FLOAT64",
  "COMPLEX128",
  "UINT64",
  "RESOURCE",
  "VARIANT",
  "UINT32",
  "UINT16",
  "INT4",
] as const;
export type ElementType = (typeof elementTypeNames)[number];

/** Bytes of one element; only the types a supported operator can read as data. */
export const elementBytes: Partial<Record<ElementType, number>> = {
  FLOAT32: 4,
  FLOAT16: 2,
  INT32: 4,
  UINT8: 1,
  INT64: 8,
  INT16: 2,
  INT8: 1,
  FLOAT64: 8,
};

/** BuiltinOperator, in schema order: the index is the operator code. */
export const operatorNames: readonly string[] = [
  "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR",
  "FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC",
  "LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH",
  "SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN",
  "GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM",
  "STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM",
  "CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN",
  "TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT",
  "REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY",
  "SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS",
  "SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE",
  "MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2",
  "DENSIFY SEGMENT_SUM BATCH_MATMUL",
].flatMap((line) => line.split(" "));

/** Operator code 127 says: look in the wider `builtin_code` field. */
export const EXTENDED_OPERATOR_CODE = 127;

export const modelFields = { version: 0, operatorCodes: 1, subgraphs: 2, buffers: 4 } as const;
export const operatorCodeFields = { deprecatedBuiltinCode: 0, customCode: 1, builtinCode: 3 } as const;
export const subgraphFields = { tensors: 0, inputs: 1, outputs: 2, operators: 3, name: 4 } as const;
export const tensorFields = { shape: 0, type: 1, buffer: 2, name: 3, quantization: 4, sparsity: 6 } as const;
export const quantizationFields = { scale: 2, zeroPoint: 3, detailsType: 4, quantizedDimension: 6 } as const;
export const operatorFields = { opcodeIndex: 0, inputs: 1, outputs: 2, optionsType: 3, options: 4 } as const;
export const bufferFields = { data: 0, offset: 1, size: 2 } as const;

/** BuiltinOptions: the union tag that each operator's options must carry. */
export const optionsTypes: Readonly<Record<string, number>> = {
  CONV_2D: 1,
  DEPTHWISE_CONV_2D: 2,
  AVERAGE_POOL_2D: 5,
  MAX_POOL_2D: 5,
  FULLY_CONNECTED: 8,
  SOFTMAX: 9,
  CONCATENATION: 10,
  ADD: 11,
};

export const convolutionOptions = {
  padding: 0,
  strideWidth: 1,
  strideHeight: 2,
  activation: 3,
  dilationWidth: 4,
  dilationHeight: 5,
} as const;
export const depthwiseOptions = {
  padding: 0,
  strideWidth: 1,
  strideHeight: 2,
  depthMultiplier: 3,
  activation: 4,
  dilationWidth: 5,
  dilationHeight: 6,
} as const;
export const poolOptions = {
  padding: 0,
  strideWidth: 1,
  strideHeight: 2,
  filterWidth: 3,
  filterHeight: 4,
  activation: 5,
} as const;
export const fullyConnectedOptions = { activation: 0, weightsFormat: 1 } as const;
export const addOptions = { activation: 0 } as const;
export const concatenationOptions = { axis: 0, activation: 1 } as const;
export const softmaxOptions = { beta: 0 } as const;

/** Padding: SAME is 0, VALID is 1. */
export const paddingNames = ["SAME", "VALID"] as const;
export type PaddingName = (typeof paddingNames)[number];

/** ActivationFunctionType. */
export const activationNames = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"] as const;
export type ActivationName = (typeof activationNames)[number];
