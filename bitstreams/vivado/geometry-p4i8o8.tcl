# Generated from sdk/src/overlay and platform.mjs by bitstreams/scripts/generate-vivado.mjs. Do not edit.
set part xck26-sfvc784-2LV-c
set design sluice_kv260
set clock_mhz 250
set register_base 0xa0000000
set register_bytes 4096
set register_width 32
set memory_width 128
set parameters {
  Pixels 4
  Inputs 8
  Outputs 8
  DecoderLanes 8
  RequantizeLanes 16
  ActivationRows 2048
  WeightLines 1152
  MaxLayers 256
}
