# Generated from sdk/src/overlay and platform.mjs by bitstreams/scripts/generate-vivado.mjs. Do not edit.
set part xck26-sfvc784-2LV-c
set design sluice_kv260
set clock_mhz 250
set register_base 0xa0000000
set register_bytes 4096
set register_width 32
set memory_width 128
set parameters {
  Pixels 8
  Inputs 8
  Outputs 16
  DecoderLanes 16
  RequantizeLanes 32
  ActivationRows 24576
  WeightLines 2048
  MaxLayers 256
}
