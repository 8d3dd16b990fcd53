// Generated from sdk/src/overlay by bitstreams/scripts/generate-package.mjs. Do not edit.
/// The overlay contract in SystemVerilog: registers, error codes, commands, CRC-32C.
package sluice_pkg;
  // Upper case names are the contract's own; a build uses only some of them.
  /* verilator lint_off UNUSEDPARAM */

  localparam logic [31:0] OVERLAY_ID = 32'h45434c53;
  localparam logic [31:0] OVERLAY_VERSION = 32'h00010000;
  localparam int COMMAND_BYTES = 64;
  localparam int TAP_SOURCE_BYTES = 16000;
  localparam int TAP_WIDE_STRIDE = 7;
  localparam int DECODER_TAPS = 256;
  localparam int DECODER_CHANNELS = 4096;
  localparam int DECODER_PREDICTED_ROWS = 1024;
  localparam int DECODER_STATES = 4096;
  localparam int CHANNEL_PARAMETER_BYTES = 16;

  localparam logic [11:0] REG_ID = 12'h000; // Always 0x45434C53 (SLCE)
  localparam logic [11:0] REG_VERSION = 12'h004; // Contract version, major << 16 | minor
  localparam logic [11:0] REG_GEOMETRY = 12'h008; // P | I << 8 | O << 16 | decoder lanes << 24
  localparam logic [11:0] REG_CAPABILITY = 12'h00c; // Bit n: weight codec n can be decoded; bits 31:16 requantise lanes | depthwise channels << 8
  localparam logic [11:0] REG_ACTIVATION_ROWS = 12'h010; // Rows of the activation memory
  localparam logic [11:0] REG_WEIGHT_LINES = 12'h014; // Lines of one half of the weight tile buffer
  localparam logic [11:0] REG_CONTROL = 12'h020; // Bit 0 START, bit 1 ABORT (stop at the next beat, then IDLE)
  localparam logic [11:0] REG_STATUS = 12'h024; // Bit 0 BUSY, bit 1 DONE, bit 2 ERROR
  localparam logic [11:0] REG_ERROR = 12'h028; // Error code of the last run (overlayErrors); 0 = none
  localparam logic [11:0] REG_ERROR_COMMAND = 12'h02c; // Index of the command that failed
  localparam logic [11:0] REG_IRQ_ENABLE = 12'h030; // Bit 0: interrupt when DONE or ERROR is set
  localparam logic [11:0] REG_IRQ_STATUS = 12'h034; // Bit 0: interrupt pending; write 1 to clear
  localparam logic [11:0] REG_IMAGE_BASE_LO = 12'h040; // DDR address of the model image; 4,096-byte aligned
  localparam logic [11:0] REG_IMAGE_BASE_HI = 12'h044; // Upper 32 bits
  localparam logic [11:0] REG_INPUT_BASE_LO = 12'h048; // DDR address of the first input frame; 64-byte aligned
  localparam logic [11:0] REG_INPUT_BASE_HI = 12'h04c; // Upper 32 bits
  localparam logic [11:0] REG_OUTPUT_BASE_LO = 12'h050; // DDR address of the first output frame; 64-byte aligned
  localparam logic [11:0] REG_OUTPUT_BASE_HI = 12'h054; // Upper 32 bits
  localparam logic [11:0] REG_SCRATCH_BASE_LO = 12'h058; // DDR address of the spill region; 64-byte aligned
  localparam logic [11:0] REG_SCRATCH_BASE_HI = 12'h05c; // Upper 32 bits
  localparam logic [11:0] REG_COMMAND_OFFSET = 12'h060; // Byte offset of the first command in the image
  localparam logic [11:0] REG_COMMAND_COUNT = 12'h064; // Commands to run, END included
  localparam logic [11:0] REG_TABLES_OFFSET = 12'h068; // Byte offset of the weight codec's tables in the image
  localparam logic [11:0] REG_TABLES_BYTES = 12'h06c; // Bytes of the weight codec's tables; loaded at START
  localparam logic [11:0] REG_FRAME_COUNT = 12'h070; // Times the program runs, each on the next input frame
  localparam logic [11:0] REG_INPUT_STRIDE = 12'h074; // Bytes from one input frame to the next; multiple of 64
  localparam logic [11:0] REG_OUTPUT_STRIDE = 12'h078; // Bytes from one output frame to the next; multiple of 64
  localparam logic [11:0] REG_FRAMES_DONE = 12'h07c; // Frames finished since START
  localparam logic [11:0] REG_CYCLES_LO = 12'h080; // Fabric cycles since START, over all frames
  localparam logic [11:0] REG_CYCLES_HI = 12'h084; // Upper 32 bits
  localparam logic [11:0] REG_STALL_WEIGHTS = 12'h088; // Cycles of the last frame in which the array waited for weights
  localparam logic [11:0] REG_STALL_DATA = 12'h08c; // Cycles of the last frame spent in LOAD and STORE or waiting for channel parameters and tables
  localparam logic [11:0] REG_WEIGHT_BEATS = 12'h090; // Beats the weight port moved in the last frame
  localparam logic [11:0] REG_LAYER_SELECT = 12'h0a0; // Layer whose counters the next six registers show
  localparam logic [11:0] REG_LAYER_CYCLES = 12'h0a4; // Cycles of the selected layer in the last frame, its LOAD and STORE included
  localparam logic [11:0] REG_LAYER_STALL_WEIGHTS = 12'h0a8; // Of those, cycles waiting for weights
  localparam logic [11:0] REG_LAYER_WEIGHT_BEATS = 12'h0ac; // Weight port beats of the selected layer
  localparam logic [11:0] REG_LAYER_CRC0 = 12'h0b0; // CRC-32C of the layer's first output in engine order
  localparam logic [11:0] REG_LAYER_CRC1 = 12'h0b4; // CRC-32C of the layer's second output, 0 without one

  localparam logic [31:0] CONTROL_START = 32'd1;
  localparam logic [31:0] CONTROL_ABORT = 32'd2;

  localparam logic [31:0] STATUS_BUSY = 32'd1;
  localparam logic [31:0] STATUS_DONE = 32'd2;
  localparam logic [31:0] STATUS_ERROR = 32'd4;

  localparam logic [7:0] ERROR_NONE = 8'd0;
  localparam logic [7:0] ERROR_BAD_COMMAND = 8'd1;
  localparam logic [7:0] ERROR_ACTIVATION_RANGE = 8'd2;
  localparam logic [7:0] ERROR_WEIGHT_RANGE = 8'd3;
  localparam logic [7:0] ERROR_WEIGHT_STREAM = 8'd4;
  localparam logic [7:0] ERROR_UNSUPPORTED_CODEC = 8'd5;
  localparam logic [7:0] ERROR_MEMORY = 8'd6;
  localparam logic [7:0] ERROR_ABORTED = 8'd7;
  localparam logic [7:0] ERROR_TABLES = 8'd8;

  localparam logic [7:0] OP_END = 8'd0;
  localparam logic [7:0] OP_LOAD = 8'd1;
  localparam logic [7:0] OP_STORE = 8'd2;
  localparam logic [7:0] OP_CONV = 8'd16;
  localparam logic [7:0] OP_DEPTHWISE = 8'd17;
  localparam logic [7:0] OP_POOL = 8'd18;
  localparam logic [7:0] OP_ADD = 8'd19;

  localparam logic [1:0] ROUND_HALF_UP = 2'd0;
  localparam logic [1:0] ROUND_HALF_EVEN = 2'd1;
  localparam logic [1:0] ROUND_HALF_AWAY = 2'd2;

  localparam logic [0:0] POOL_MAX = 1'd0;
  localparam logic [0:0] POOL_AVERAGE = 1'd1;

  localparam logic [1:0] REGION_INPUT = 2'd0;
  localparam logic [1:0] REGION_OUTPUT = 2'd1;
  localparam logic [1:0] REGION_SCRATCH = 2'd2;

  /* verilator lint_on UNUSEDPARAM */

  /// Every field any command has; which ones mean something depends on the opcode.
  typedef struct packed {
    logic [7:0] opcode;
    logic [1:0] region;
    logic [0:0] pool;
    logic [0:0] taps_enable;
    logic [15:0] layer;
    logic [15:0] in_base;
    logic [15:0] in_pitch;
    logic [15:0] in_height;
    logic [15:0] in_width;
    logic [15:0] in_channels;
    logic [15:0] out_channels;
    logic [15:0] out0_base;
    logic [15:0] out0_pitch;
    logic [15:0] out1_base;
    logic [15:0] out1_pitch;
    logic [15:0] out_height;
    logic [15:0] out_width;
    logic [7:0] kernel_height;
    logic [7:0] kernel_width;
    logic [3:0] stride_height;
    logic [3:0] stride_width;
    logic [3:0] dilation_height;
    logic [3:0] dilation_width;
    logic [7:0] pad_top;
    logic [7:0] pad_left;
    logic signed [7:0] pad_value;
    logic signed [7:0] weight_zero_point;
    logic [31:0] offset;
    logic [31:0] weights_offset;
    logic [15:0] in1_base;
    logic [15:0] in1_pitch;
    logic [31:0] weights_bytes;
    logic [31:0] addends_offset;
    logic [31:0] parameters_offset;
    logic [31:0] tables_offset;
    logic [1:0] rounding_a;
    logic [1:0] rounding_b;
    logic [0:0] clamp_enable;
    logic [0:0] table_enable0;
    logic [0:0] table_enable1;
    logic [0:0] output1_enable;
    logic [3:0] codec;
    logic signed [7:0] output_zero_point;
    logic signed [15:0] clamp_min;
    logic signed [15:0] clamp_max;
    logic signed [7:0] output_min;
    logic signed [7:0] output_max;
  } command_t;

  function automatic command_t unpack_command(input logic [511:0] words);
    unpack_command.opcode = words[7:0];
    unpack_command.region = words[9:8];
    unpack_command.pool = words[8:8];
    unpack_command.taps_enable = words[10:10];
    unpack_command.layer = words[31:16];
    unpack_command.in_base = words[47:32];
    unpack_command.in_pitch = words[63:48];
    unpack_command.in_height = words[79:64];
    unpack_command.in_width = words[95:80];
    unpack_command.in_channels = words[111:96];
    unpack_command.out_channels = words[127:112];
    unpack_command.out0_base = words[143:128];
    unpack_command.out0_pitch = words[159:144];
    unpack_command.out1_base = words[175:160];
    unpack_command.out1_pitch = words[191:176];
    unpack_command.out_height = words[207:192];
    unpack_command.out_width = words[223:208];
    unpack_command.kernel_height = words[231:224];
    unpack_command.kernel_width = words[239:232];
    unpack_command.stride_height = words[243:240];
    unpack_command.stride_width = words[247:244];
    unpack_command.dilation_height = words[251:248];
    unpack_command.dilation_width = words[255:252];
    unpack_command.pad_top = words[263:256];
    unpack_command.pad_left = words[271:264];
    unpack_command.pad_value = words[279:272];
    unpack_command.weight_zero_point = words[287:280];
    unpack_command.offset = words[319:288];
    unpack_command.weights_offset = words[319:288];
    unpack_command.in1_base = words[303:288];
    unpack_command.in1_pitch = words[319:304];
    unpack_command.weights_bytes = words[351:320];
    unpack_command.addends_offset = words[351:320];
    unpack_command.parameters_offset = words[383:352];
    unpack_command.tables_offset = words[415:384];
    unpack_command.rounding_a = words[417:416];
    unpack_command.rounding_b = words[419:418];
    unpack_command.clamp_enable = words[420:420];
    unpack_command.table_enable0 = words[421:421];
    unpack_command.table_enable1 = words[422:422];
    unpack_command.output1_enable = words[423:423];
    unpack_command.codec = words[431:428];
    unpack_command.output_zero_point = words[439:432];
    unpack_command.clamp_min = words[463:448];
    unpack_command.clamp_max = words[479:464];
    unpack_command.output_min = words[487:480];
    unpack_command.output_max = words[495:488];
  endfunction

  /// Bits a command of this opcode may set; all ones for an unknown one, which is refused anyway.
  function automatic logic [511:0] used_bits(input logic [7:0] opcode);
    case (opcode)
      OP_END: used_bits = 512'hff;
      OP_LOAD: used_bits = 512'hffffffff00ffffffffffffffffffffff00000000ffffffffffffffffffffffff00000000ffff07ff;
      OP_STORE: used_bits = 512'hffffffff00000000000000000000000000000000000000000000ffffffffffffffffffffffff03ff;
      OP_CONV: used_bits = 512'hffffffffffff00fff0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00ff;
      OP_DEPTHWISE: used_bits = 512'hffffffffffff00fff0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00ff;
      OP_POOL: used_bits = 512'hffffffffffff00ff00ffffffffffffffffff000000000000000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff01ff;
      OP_ADD: used_bits = 512'hffffffffffff00ff00ffffffffffffffffffffffffffffffffff0000000000000000ffffffffffffffffffffffffffffffffffffffffffffffffffff00ff;
      default: used_bits = '1;
    endcase
  endfunction

  /// Remainder of 32 bytes, first byte in bits 7:0, from state 0. Leading zero bytes change nothing.
  function automatic logic [31:0] crc32c_data(input logic [255:0] bytes);
    crc32c_data[0] = ^(bytes & 256'h1f91caf6386f2c25de2753181954cd1ef5e1bbd961745c3ae969f40a5f513d79);
    crc32c_data[1] = ^(bytes & 256'h3f2395ec70de584bbc4ea63032a99a3debc377b2c2e8b875d2d3e814bea27af3);
    crc32c_data[2] = ^(bytes & 256'h7e472bd8e1bcb097789d4c606553347bd786ef6585d170eba5a7d0297d44f5e6);
    crc32c_data[3] = ^(bytes & 256'hfc8e57b1c379612ef13a98c0caa668f7af0ddecb0ba2e1d74b4fa052fa89ebcd);
    crc32c_data[4] = ^(bytes & 256'he68d6595be9dee783c5262998c181cf1abfa064f76319f947ff6b4afaa42eae2);
    crc32c_data[5] = ^(bytes & 256'hd28b01dd4554f0d5a683962b0164f4fda215b7478d17631216849d550bd4e8bc);
    crc32c_data[6] = ^(bytes & 256'hba87c94cb2c6cd8e93207f4e1b9d24e5b1cad5567b5a9a1ec460cea048f8ec01);
    crc32c_data[7] = ^(bytes & 256'h6a9e586f5de2b738f867ad842e6e84d59674117597c1680761a8694acea0e57b);
    crc32c_data[8] = ^(bytes & 256'hd53cb0debbc56e71f0cf5b085cdd09ab2ce822eb2f82d00ec350d2959d41caf6);
    crc32c_data[9] = ^(bytes & 256'hb5e8ab4b4fe5f0c63fb9e508a0eede48ac31fe0f3e71fc276fc8512165d2a894);
    crc32c_data[10] = ^(bytes & 256'h74409c60a7a4cda9a15499095889718fad8247c71d97a47436f9564894f46c50);
    crc32c_data[11] = ^(bytes & 256'he88138c14f499b5342a93212b112e31f5b048f8e3b2f48e86df2ac9129e8d8a0);
    crc32c_data[12] = ^(bytes & 256'hce93bb74a6fc1a835b75373d7b710b2043e8a4c5172acdea328cad280c808c39);
    crc32c_data[13] = ^(bytes & 256'h82b6bc1f7597192368cd3d62efb6db5e7230f2534f21c7ee8c70ae5a4650250a);
    crc32c_data[14] = ^(bytes & 256'h1afcb2c8d3411e630fbd29ddc6397ba211805f7fff37d3e7f188a8bed3f1776d);
    crc32c_data[15] = ^(bytes & 256'h35f96591a6823cc61f7a53bb8c72f7442300befffe6fa7cfe311517da7e2eedb);
    crc32c_data[16] = ^(bytes & 256'h6bf2cb234d04798c3ef4a77718e5ee8846017dfffcdf4f9fc622a2fb4fc5ddb6);
    crc32c_data[17] = ^(bytes & 256'hd7e596469a08f3187de94eee31cbdd108c02fbfff9be9f3f8c4545f69f8bbb6d);
    crc32c_data[18] = ^(bytes & 256'hb05ae67b0c7eca1525f5cec47ac3773fede44c2692096245f1e37fe760464ba3);
    crc32c_data[19] = ^(bytes & 256'h7f2406002092b80f95ccce90ecd223612e292394456698b10aaf0bc49fddaa3e);
    crc32c_data[20] = ^(bytes & 256'hfe480c004125701f2b999d21d9a446c25c5247288acd3162155e17893fbb547c);
    crc32c_data[21] = ^(bytes & 256'he301d2f6ba25cc1b8914695baa1c409a4d45358874ee3efec3d5db1820279581);
    crc32c_data[22] = ^(bytes & 256'hd9926f1b4c24b412cc0f81af4d6c4c2a6f6bd0c988a821c76ec2423a1f1e167a);
    crc32c_data[23] = ^(bytes & 256'hacb514c0a026440046385046838c554a2b361a4a70241fb434ed707e616d118d);
    crc32c_data[24] = ^(bytes & 256'h46fbe3777823a4255257f3951e4c678aa38d8f4d813c635280b314f69d8b1e63);
    crc32c_data[25] = ^(bytes & 256'h8df7c6eef047484aa4afe72a3c98cf15471b1e9b0278c6a5016629ed3b163cc6);
    crc32c_data[26] = ^(bytes & 256'h47e472bd8e1bcb097789d4c606553347bd786ef6585d170eba5a7d0297d44f5);
    crc32c_data[27] = ^(bytes & 256'h8fc8e57b1c379612ef13a98c0caa668f7af0ddecb0ba2e1d74b4fa052fa89eb);
    crc32c_data[28] = ^(bytes & 256'h11f91caf6386f2c25de2753181954cd1ef5e1bbd961745c3ae969f40a5f513d7);
    crc32c_data[29] = ^(bytes & 256'h23f2395ec70de584bbc4ea63032a99a3debc377b2c2e8b875d2d3e814bea27af);
    crc32c_data[30] = ^(bytes & 256'h47e472bd8e1bcb097789d4c606553347bd786ef6585d170eba5a7d0297d44f5e);
    crc32c_data[31] = ^(bytes & 256'h8fc8e57b1c379612ef13a98c0caa668f7af0ddecb0ba2e1d74b4fa052fa89ebc);
  endfunction

  // Remainders in coordinates in which a word of 8 bytes is one step of a shift register.
  localparam logic [31:0] CRC32C_START = 32'h5f700c6e;

  /// Coordinates of the remainder of a word, first byte in bits 7:0, from state 0.
  function automatic logic [31:0] crc32c_word(input logic [63:0] bytes);
    crc32c_word[0] = ^(bytes & 64'h9bea928158ab8c46);
    crc32c_word[1] = ^(bytes & 64'h7b982c26165e4515);
    crc32c_word[2] = ^(bytes & 64'hc7d422355ee5f6e6);
    crc32c_word[3] = ^(bytes & 64'hf286bf5ed8f388b6);
    crc32c_word[4] = ^(bytes & 64'hcb585eb0f0fc6362);
    crc32c_word[5] = ^(bytes & 64'he6255d451c3de552);
    crc32c_word[6] = ^(bytes & 64'h161e1052d3196516);
    crc32c_word[7] = ^(bytes & 64'h47c148cd297f0d42);
    crc32c_word[8] = ^(bytes & 64'h14bb0b7ce35538ee);
    crc32c_word[9] = ^(bytes & 64'h23b4c7e0d05bf0d8);
    crc32c_word[10] = ^(bytes & 64'h20a5a4e408342cf8);
    crc32c_word[11] = ^(bytes & 64'h80a34bd3f8e44418);
    crc32c_word[12] = ^(bytes & 64'hb7441b1b670ede46);
    crc32c_word[13] = ^(bytes & 64'h61f94533f16165be);
    crc32c_word[14] = ^(bytes & 64'hc66d7dfbf8bddcaa);
    crc32c_word[15] = ^(bytes & 64'h7a19d4f415f4f028);
    crc32c_word[16] = ^(bytes & 64'hbf6ca8b87278fb20);
    crc32c_word[17] = ^(bytes & 64'hb691a9242b7be938);
    crc32c_word[18] = ^(bytes & 64'h67c074f227e61bce);
    crc32c_word[19] = ^(bytes & 64'h24d22c370f8297dc);
    crc32c_word[20] = ^(bytes & 64'h39cda84fea951322);
    crc32c_word[21] = ^(bytes & 64'h86cfabaf257b2260);
    crc32c_word[22] = ^(bytes & 64'hfe13f5cf8933a21c);
    crc32c_word[23] = ^(bytes & 64'h8d572b453f94a05c);
    crc32c_word[24] = ^(bytes & 64'h573a3bea29a8348c);
    crc32c_word[25] = ^(bytes & 64'he6462fd3b4ff98fc);
    crc32c_word[26] = ^(bytes & 64'hb5616632fce0da40);
    crc32c_word[27] = ^(bytes & 64'h1f07f8f6f4e0e8f8);
    crc32c_word[28] = ^(bytes & 64'h7f79b774ffe2a4b4);
    crc32c_word[29] = ^(bytes & 64'h7fd9c9f4a53880a4);
    crc32c_word[30] = ^(bytes & 64'hb613e8c582e833a0);
    crc32c_word[31] = ^(bytes & 64'h80bdcb5edc08b544);
  endfunction

  /// Coordinates after another word of zero bytes.
  function automatic logic [31:0] crc32c_step(input logic [31:0] coordinates);
    crc32c_step = {coordinates[30:0], 1'b0} ^ (coordinates[31] ? 32'h1edc6f41 : 32'd0);
  endfunction

  /// The state of these coordinates.
  function automatic logic [31:0] crc32c_state(input logic [31:0] coordinates);
    crc32c_state[0] = ^(coordinates & 32'h22183833);
    crc32c_state[1] = ^(coordinates & 32'hc8e9bb3e);
    crc32c_state[2] = ^(coordinates & 32'he268364e);
    crc32c_state[3] = ^(coordinates & 32'h11f404bc);
    crc32c_state[4] = ^(coordinates & 32'h2860ea84);
    crc32c_state[5] = ^(coordinates & 32'h19b954a6);
    crc32c_state[6] = ^(coordinates & 32'h60461c94);
    crc32c_state[7] = ^(coordinates & 32'hf30b869c);
    crc32c_state[8] = ^(coordinates & 32'hb2f231e6);
    crc32c_state[9] = ^(coordinates & 32'he2b93f08);
    crc32c_state[10] = ^(coordinates & 32'h20f35de6);
    crc32c_state[11] = ^(coordinates & 32'h8d935dc6);
    crc32c_state[12] = ^(coordinates & 32'h57ca42f2);
    crc32c_state[13] = ^(coordinates & 32'h81e28702);
    crc32c_state[14] = ^(coordinates & 32'h66e39d9a);
    crc32c_state[15] = ^(coordinates & 32'hfff2b98);
    crc32c_state[16] = ^(coordinates & 32'h1010fa48);
    crc32c_state[17] = ^(coordinates & 32'h789b798);
    crc32c_state[18] = ^(coordinates & 32'h832191e);
    crc32c_state[19] = ^(coordinates & 32'h61baf5ce);
    crc32c_state[20] = ^(coordinates & 32'h79d5fe02);
    crc32c_state[21] = ^(coordinates & 32'h8fb28452);
    crc32c_state[22] = ^(coordinates & 32'hd7e262a8);
    crc32c_state[23] = ^(coordinates & 32'hf06d7230);
    crc32c_state[24] = ^(coordinates & 32'hfadbaa32);
    crc32c_state[25] = ^(coordinates & 32'h48bc688c);
    crc32c_state[26] = ^(coordinates & 32'h440cb9f0);
    crc32c_state[27] = ^(coordinates & 32'he1b7c6fa);
    crc32c_state[28] = ^(coordinates & 32'hd07403fc);
    crc32c_state[29] = ^(coordinates & 32'hf3c5431c);
    crc32c_state[30] = ^(coordinates & 32'h50673126);
    crc32c_state[31] = ^(coordinates & 32'hcdea10ac);
  endfunction

  /// The state after `count` zero bytes, 1 <= count <= 16.
  function automatic logic [31:0] crc32c_skip(input logic [31:0] state, input logic [4:0] count);
    case (count)
      5'd1: begin
        crc32c_skip[0] = ^(state & 32'h11f);
        crc32c_skip[1] = ^(state & 32'h23f);
        crc32c_skip[2] = ^(state & 32'h47e);
        crc32c_skip[3] = ^(state & 32'h8fc);
        crc32c_skip[4] = ^(state & 32'h10e6);
        crc32c_skip[5] = ^(state & 32'h20d2);
        crc32c_skip[6] = ^(state & 32'h40ba);
        crc32c_skip[7] = ^(state & 32'h806a);
        crc32c_skip[8] = ^(state & 32'h100d5);
        crc32c_skip[9] = ^(state & 32'h200b5);
        crc32c_skip[10] = ^(state & 32'h40074);
        crc32c_skip[11] = ^(state & 32'h800e8);
        crc32c_skip[12] = ^(state & 32'h1000ce);
        crc32c_skip[13] = ^(state & 32'h200082);
        crc32c_skip[14] = ^(state & 32'h40001a);
        crc32c_skip[15] = ^(state & 32'h800035);
        crc32c_skip[16] = ^(state & 32'h100006b);
        crc32c_skip[17] = ^(state & 32'h20000d7);
        crc32c_skip[18] = ^(state & 32'h40000b0);
        crc32c_skip[19] = ^(state & 32'h800007f);
        crc32c_skip[20] = ^(state & 32'h100000fe);
        crc32c_skip[21] = ^(state & 32'h200000e3);
        crc32c_skip[22] = ^(state & 32'h400000d9);
        crc32c_skip[23] = ^(state & 32'h800000ac);
        crc32c_skip[24] = ^(state & 32'h46);
        crc32c_skip[25] = ^(state & 32'h8d);
        crc32c_skip[26] = ^(state & 32'h4);
        crc32c_skip[27] = ^(state & 32'h8);
        crc32c_skip[28] = ^(state & 32'h11);
        crc32c_skip[29] = ^(state & 32'h23);
        crc32c_skip[30] = ^(state & 32'h47);
        crc32c_skip[31] = ^(state & 32'h8f);
      end
      5'd2: begin
        crc32c_skip[0] = ^(state & 32'h11f91);
        crc32c_skip[1] = ^(state & 32'h23f23);
        crc32c_skip[2] = ^(state & 32'h47e47);
        crc32c_skip[3] = ^(state & 32'h8fc8e);
        crc32c_skip[4] = ^(state & 32'h10e68d);
        crc32c_skip[5] = ^(state & 32'h20d28b);
        crc32c_skip[6] = ^(state & 32'h40ba87);
        crc32c_skip[7] = ^(state & 32'h806a9e);
        crc32c_skip[8] = ^(state & 32'h100d53c);
        crc32c_skip[9] = ^(state & 32'h200b5e8);
        crc32c_skip[10] = ^(state & 32'h4007440);
        crc32c_skip[11] = ^(state & 32'h800e881);
        crc32c_skip[12] = ^(state & 32'h1000ce93);
        crc32c_skip[13] = ^(state & 32'h200082b6);
        crc32c_skip[14] = ^(state & 32'h40001afc);
        crc32c_skip[15] = ^(state & 32'h800035f9);
        crc32c_skip[16] = ^(state & 32'h6bf2);
        crc32c_skip[17] = ^(state & 32'hd7e5);
        crc32c_skip[18] = ^(state & 32'hb05a);
        crc32c_skip[19] = ^(state & 32'h7f24);
        crc32c_skip[20] = ^(state & 32'hfe48);
        crc32c_skip[21] = ^(state & 32'he301);
        crc32c_skip[22] = ^(state & 32'hd992);
        crc32c_skip[23] = ^(state & 32'hacb5);
        crc32c_skip[24] = ^(state & 32'h46fb);
        crc32c_skip[25] = ^(state & 32'h8df7);
        crc32c_skip[26] = ^(state & 32'h47e);
        crc32c_skip[27] = ^(state & 32'h8fc);
        crc32c_skip[28] = ^(state & 32'h11f9);
        crc32c_skip[29] = ^(state & 32'h23f2);
        crc32c_skip[30] = ^(state & 32'h47e4);
        crc32c_skip[31] = ^(state & 32'h8fc8);
      end
      5'd3: begin
        crc32c_skip[0] = ^(state & 32'h11f91ca);
        crc32c_skip[1] = ^(state & 32'h23f2395);
        crc32c_skip[2] = ^(state & 32'h47e472b);
        crc32c_skip[3] = ^(state & 32'h8fc8e57);
        crc32c_skip[4] = ^(state & 32'h10e68d65);
        crc32c_skip[5] = ^(state & 32'h20d28b01);
        crc32c_skip[6] = ^(state & 32'h40ba87c9);
        crc32c_skip[7] = ^(state & 32'h806a9e58);
        crc32c_skip[8] = ^(state & 32'hd53cb0);
        crc32c_skip[9] = ^(state & 32'hb5e8ab);
        crc32c_skip[10] = ^(state & 32'h74409c);
        crc32c_skip[11] = ^(state & 32'he88138);
        crc32c_skip[12] = ^(state & 32'hce93bb);
        crc32c_skip[13] = ^(state & 32'h82b6bc);
        crc32c_skip[14] = ^(state & 32'h1afcb2);
        crc32c_skip[15] = ^(state & 32'h35f965);
        crc32c_skip[16] = ^(state & 32'h6bf2cb);
        crc32c_skip[17] = ^(state & 32'hd7e596);
        crc32c_skip[18] = ^(state & 32'hb05ae6);
        crc32c_skip[19] = ^(state & 32'h7f2406);
        crc32c_skip[20] = ^(state & 32'hfe480c);
        crc32c_skip[21] = ^(state & 32'he301d2);
        crc32c_skip[22] = ^(state & 32'hd9926f);
        crc32c_skip[23] = ^(state & 32'hacb514);
        crc32c_skip[24] = ^(state & 32'h46fbe3);
        crc32c_skip[25] = ^(state & 32'h8df7c6);
        crc32c_skip[26] = ^(state & 32'h47e47);
        crc32c_skip[27] = ^(state & 32'h8fc8e);
        crc32c_skip[28] = ^(state & 32'h11f91c);
        crc32c_skip[29] = ^(state & 32'h23f239);
        crc32c_skip[30] = ^(state & 32'h47e472);
        crc32c_skip[31] = ^(state & 32'h8fc8e5);
      end
      5'd4: begin
        crc32c_skip[0] = ^(state & 32'h1f91caf6);
        crc32c_skip[1] = ^(state & 32'h3f2395ec);
        crc32c_skip[2] = ^(state & 32'h7e472bd8);
        crc32c_skip[3] = ^(state & 32'hfc8e57b1);
        crc32c_skip[4] = ^(state & 32'he68d6595);
        crc32c_skip[5] = ^(state & 32'hd28b01dd);
        crc32c_skip[6] = ^(state & 32'hba87c94c);
        crc32c_skip[7] = ^(state & 32'h6a9e586f);
        crc32c_skip[8] = ^(state & 32'hd53cb0de);
        crc32c_skip[9] = ^(state & 32'hb5e8ab4b);
        crc32c_skip[10] = ^(state & 32'h74409c60);
        crc32c_skip[11] = ^(state & 32'he88138c1);
        crc32c_skip[12] = ^(state & 32'hce93bb74);
        crc32c_skip[13] = ^(state & 32'h82b6bc1f);
        crc32c_skip[14] = ^(state & 32'h1afcb2c8);
        crc32c_skip[15] = ^(state & 32'h35f96591);
        crc32c_skip[16] = ^(state & 32'h6bf2cb23);
        crc32c_skip[17] = ^(state & 32'hd7e59646);
        crc32c_skip[18] = ^(state & 32'hb05ae67b);
        crc32c_skip[19] = ^(state & 32'h7f240600);
        crc32c_skip[20] = ^(state & 32'hfe480c00);
        crc32c_skip[21] = ^(state & 32'he301d2f6);
        crc32c_skip[22] = ^(state & 32'hd9926f1b);
        crc32c_skip[23] = ^(state & 32'hacb514c0);
        crc32c_skip[24] = ^(state & 32'h46fbe377);
        crc32c_skip[25] = ^(state & 32'h8df7c6ee);
        crc32c_skip[26] = ^(state & 32'h47e472b);
        crc32c_skip[27] = ^(state & 32'h8fc8e57);
        crc32c_skip[28] = ^(state & 32'h11f91caf);
        crc32c_skip[29] = ^(state & 32'h23f2395e);
        crc32c_skip[30] = ^(state & 32'h47e472bd);
        crc32c_skip[31] = ^(state & 32'h8fc8e57b);
      end
      5'd5: begin
        crc32c_skip[0] = ^(state & 32'h91caf638);
        crc32c_skip[1] = ^(state & 32'h2395ec70);
        crc32c_skip[2] = ^(state & 32'h472bd8e1);
        crc32c_skip[3] = ^(state & 32'h8e57b1c3);
        crc32c_skip[4] = ^(state & 32'h8d6595be);
        crc32c_skip[5] = ^(state & 32'h8b01dd45);
        crc32c_skip[6] = ^(state & 32'h87c94cb2);
        crc32c_skip[7] = ^(state & 32'h9e586f5d);
        crc32c_skip[8] = ^(state & 32'h3cb0debb);
        crc32c_skip[9] = ^(state & 32'he8ab4b4f);
        crc32c_skip[10] = ^(state & 32'h409c60a7);
        crc32c_skip[11] = ^(state & 32'h8138c14f);
        crc32c_skip[12] = ^(state & 32'h93bb74a6);
        crc32c_skip[13] = ^(state & 32'hb6bc1f75);
        crc32c_skip[14] = ^(state & 32'hfcb2c8d3);
        crc32c_skip[15] = ^(state & 32'hf96591a6);
        crc32c_skip[16] = ^(state & 32'hf2cb234d);
        crc32c_skip[17] = ^(state & 32'he596469a);
        crc32c_skip[18] = ^(state & 32'h5ae67b0c);
        crc32c_skip[19] = ^(state & 32'h24060020);
        crc32c_skip[20] = ^(state & 32'h480c0041);
        crc32c_skip[21] = ^(state & 32'h1d2f6ba);
        crc32c_skip[22] = ^(state & 32'h926f1b4c);
        crc32c_skip[23] = ^(state & 32'hb514c0a0);
        crc32c_skip[24] = ^(state & 32'hfbe37778);
        crc32c_skip[25] = ^(state & 32'hf7c6eef0);
        crc32c_skip[26] = ^(state & 32'h7e472bd8);
        crc32c_skip[27] = ^(state & 32'hfc8e57b1);
        crc32c_skip[28] = ^(state & 32'hf91caf63);
        crc32c_skip[29] = ^(state & 32'hf2395ec7);
        crc32c_skip[30] = ^(state & 32'he472bd8e);
        crc32c_skip[31] = ^(state & 32'hc8e57b1c);
      end
      5'd6: begin
        crc32c_skip[0] = ^(state & 32'hcaf6386f);
        crc32c_skip[1] = ^(state & 32'h95ec70de);
        crc32c_skip[2] = ^(state & 32'h2bd8e1bc);
        crc32c_skip[3] = ^(state & 32'h57b1c379);
        crc32c_skip[4] = ^(state & 32'h6595be9d);
        crc32c_skip[5] = ^(state & 32'h1dd4554);
        crc32c_skip[6] = ^(state & 32'hc94cb2c6);
        crc32c_skip[7] = ^(state & 32'h586f5de2);
        crc32c_skip[8] = ^(state & 32'hb0debbc5);
        crc32c_skip[9] = ^(state & 32'hab4b4fe5);
        crc32c_skip[10] = ^(state & 32'h9c60a7a4);
        crc32c_skip[11] = ^(state & 32'h38c14f49);
        crc32c_skip[12] = ^(state & 32'hbb74a6fc);
        crc32c_skip[13] = ^(state & 32'hbc1f7597);
        crc32c_skip[14] = ^(state & 32'hb2c8d341);
        crc32c_skip[15] = ^(state & 32'h6591a682);
        crc32c_skip[16] = ^(state & 32'hcb234d04);
        crc32c_skip[17] = ^(state & 32'h96469a08);
        crc32c_skip[18] = ^(state & 32'he67b0c7e);
        crc32c_skip[19] = ^(state & 32'h6002092);
        crc32c_skip[20] = ^(state & 32'hc004125);
        crc32c_skip[21] = ^(state & 32'hd2f6ba25);
        crc32c_skip[22] = ^(state & 32'h6f1b4c24);
        crc32c_skip[23] = ^(state & 32'h14c0a026);
        crc32c_skip[24] = ^(state & 32'he3777823);
        crc32c_skip[25] = ^(state & 32'hc6eef047);
        crc32c_skip[26] = ^(state & 32'h472bd8e1);
        crc32c_skip[27] = ^(state & 32'h8e57b1c3);
        crc32c_skip[28] = ^(state & 32'h1caf6386);
        crc32c_skip[29] = ^(state & 32'h395ec70d);
        crc32c_skip[30] = ^(state & 32'h72bd8e1b);
        crc32c_skip[31] = ^(state & 32'he57b1c37);
      end
      5'd7: begin
        crc32c_skip[0] = ^(state & 32'hf6386f2c);
        crc32c_skip[1] = ^(state & 32'hec70de58);
        crc32c_skip[2] = ^(state & 32'hd8e1bcb0);
        crc32c_skip[3] = ^(state & 32'hb1c37961);
        crc32c_skip[4] = ^(state & 32'h95be9dee);
        crc32c_skip[5] = ^(state & 32'hdd4554f0);
        crc32c_skip[6] = ^(state & 32'h4cb2c6cd);
        crc32c_skip[7] = ^(state & 32'h6f5de2b7);
        crc32c_skip[8] = ^(state & 32'hdebbc56e);
        crc32c_skip[9] = ^(state & 32'h4b4fe5f0);
        crc32c_skip[10] = ^(state & 32'h60a7a4cd);
        crc32c_skip[11] = ^(state & 32'hc14f499b);
        crc32c_skip[12] = ^(state & 32'h74a6fc1a);
        crc32c_skip[13] = ^(state & 32'h1f759719);
        crc32c_skip[14] = ^(state & 32'hc8d3411e);
        crc32c_skip[15] = ^(state & 32'h91a6823c);
        crc32c_skip[16] = ^(state & 32'h234d0479);
        crc32c_skip[17] = ^(state & 32'h469a08f3);
        crc32c_skip[18] = ^(state & 32'h7b0c7eca);
        crc32c_skip[19] = ^(state & 32'h2092b8);
        crc32c_skip[20] = ^(state & 32'h412570);
        crc32c_skip[21] = ^(state & 32'hf6ba25cc);
        crc32c_skip[22] = ^(state & 32'h1b4c24b4);
        crc32c_skip[23] = ^(state & 32'hc0a02644);
        crc32c_skip[24] = ^(state & 32'h777823a4);
        crc32c_skip[25] = ^(state & 32'heef04748);
        crc32c_skip[26] = ^(state & 32'h2bd8e1bc);
        crc32c_skip[27] = ^(state & 32'h57b1c379);
        crc32c_skip[28] = ^(state & 32'haf6386f2);
        crc32c_skip[29] = ^(state & 32'h5ec70de5);
        crc32c_skip[30] = ^(state & 32'hbd8e1bcb);
        crc32c_skip[31] = ^(state & 32'h7b1c3796);
      end
      5'd8: begin
        crc32c_skip[0] = ^(state & 32'h386f2c25);
        crc32c_skip[1] = ^(state & 32'h70de584b);
        crc32c_skip[2] = ^(state & 32'he1bcb097);
        crc32c_skip[3] = ^(state & 32'hc379612e);
        crc32c_skip[4] = ^(state & 32'hbe9dee78);
        crc32c_skip[5] = ^(state & 32'h4554f0d5);
        crc32c_skip[6] = ^(state & 32'hb2c6cd8e);
        crc32c_skip[7] = ^(state & 32'h5de2b738);
        crc32c_skip[8] = ^(state & 32'hbbc56e71);
        crc32c_skip[9] = ^(state & 32'h4fe5f0c6);
        crc32c_skip[10] = ^(state & 32'ha7a4cda9);
        crc32c_skip[11] = ^(state & 32'h4f499b53);
        crc32c_skip[12] = ^(state & 32'ha6fc1a83);
        crc32c_skip[13] = ^(state & 32'h75971923);
        crc32c_skip[14] = ^(state & 32'hd3411e63);
        crc32c_skip[15] = ^(state & 32'ha6823cc6);
        crc32c_skip[16] = ^(state & 32'h4d04798c);
        crc32c_skip[17] = ^(state & 32'h9a08f318);
        crc32c_skip[18] = ^(state & 32'hc7eca15);
        crc32c_skip[19] = ^(state & 32'h2092b80f);
        crc32c_skip[20] = ^(state & 32'h4125701f);
        crc32c_skip[21] = ^(state & 32'hba25cc1b);
        crc32c_skip[22] = ^(state & 32'h4c24b412);
        crc32c_skip[23] = ^(state & 32'ha0264400);
        crc32c_skip[24] = ^(state & 32'h7823a425);
        crc32c_skip[25] = ^(state & 32'hf047484a);
        crc32c_skip[26] = ^(state & 32'hd8e1bcb0);
        crc32c_skip[27] = ^(state & 32'hb1c37961);
        crc32c_skip[28] = ^(state & 32'h6386f2c2);
        crc32c_skip[29] = ^(state & 32'hc70de584);
        crc32c_skip[30] = ^(state & 32'h8e1bcb09);
        crc32c_skip[31] = ^(state & 32'h1c379612);
      end
      5'd9: begin
        crc32c_skip[0] = ^(state & 32'h6f2c25de);
        crc32c_skip[1] = ^(state & 32'hde584bbc);
        crc32c_skip[2] = ^(state & 32'hbcb09778);
        crc32c_skip[3] = ^(state & 32'h79612ef1);
        crc32c_skip[4] = ^(state & 32'h9dee783c);
        crc32c_skip[5] = ^(state & 32'h54f0d5a6);
        crc32c_skip[6] = ^(state & 32'hc6cd8e93);
        crc32c_skip[7] = ^(state & 32'he2b738f8);
        crc32c_skip[8] = ^(state & 32'hc56e71f0);
        crc32c_skip[9] = ^(state & 32'he5f0c63f);
        crc32c_skip[10] = ^(state & 32'ha4cda9a1);
        crc32c_skip[11] = ^(state & 32'h499b5342);
        crc32c_skip[12] = ^(state & 32'hfc1a835b);
        crc32c_skip[13] = ^(state & 32'h97192368);
        crc32c_skip[14] = ^(state & 32'h411e630f);
        crc32c_skip[15] = ^(state & 32'h823cc61f);
        crc32c_skip[16] = ^(state & 32'h4798c3e);
        crc32c_skip[17] = ^(state & 32'h8f3187d);
        crc32c_skip[18] = ^(state & 32'h7eca1525);
        crc32c_skip[19] = ^(state & 32'h92b80f95);
        crc32c_skip[20] = ^(state & 32'h25701f2b);
        crc32c_skip[21] = ^(state & 32'h25cc1b89);
        crc32c_skip[22] = ^(state & 32'h24b412cc);
        crc32c_skip[23] = ^(state & 32'h26440046);
        crc32c_skip[24] = ^(state & 32'h23a42552);
        crc32c_skip[25] = ^(state & 32'h47484aa4);
        crc32c_skip[26] = ^(state & 32'he1bcb097);
        crc32c_skip[27] = ^(state & 32'hc379612e);
        crc32c_skip[28] = ^(state & 32'h86f2c25d);
        crc32c_skip[29] = ^(state & 32'hde584bb);
        crc32c_skip[30] = ^(state & 32'h1bcb0977);
        crc32c_skip[31] = ^(state & 32'h379612ef);
      end
      5'd10: begin
        crc32c_skip[0] = ^(state & 32'h2c25de27);
        crc32c_skip[1] = ^(state & 32'h584bbc4e);
        crc32c_skip[2] = ^(state & 32'hb097789d);
        crc32c_skip[3] = ^(state & 32'h612ef13a);
        crc32c_skip[4] = ^(state & 32'hee783c52);
        crc32c_skip[5] = ^(state & 32'hf0d5a683);
        crc32c_skip[6] = ^(state & 32'hcd8e9320);
        crc32c_skip[7] = ^(state & 32'hb738f867);
        crc32c_skip[8] = ^(state & 32'h6e71f0cf);
        crc32c_skip[9] = ^(state & 32'hf0c63fb9);
        crc32c_skip[10] = ^(state & 32'hcda9a154);
        crc32c_skip[11] = ^(state & 32'h9b5342a9);
        crc32c_skip[12] = ^(state & 32'h1a835b75);
        crc32c_skip[13] = ^(state & 32'h192368cd);
        crc32c_skip[14] = ^(state & 32'h1e630fbd);
        crc32c_skip[15] = ^(state & 32'h3cc61f7a);
        crc32c_skip[16] = ^(state & 32'h798c3ef4);
        crc32c_skip[17] = ^(state & 32'hf3187de9);
        crc32c_skip[18] = ^(state & 32'hca1525f5);
        crc32c_skip[19] = ^(state & 32'hb80f95cc);
        crc32c_skip[20] = ^(state & 32'h701f2b99);
        crc32c_skip[21] = ^(state & 32'hcc1b8914);
        crc32c_skip[22] = ^(state & 32'hb412cc0f);
        crc32c_skip[23] = ^(state & 32'h44004638);
        crc32c_skip[24] = ^(state & 32'ha4255257);
        crc32c_skip[25] = ^(state & 32'h484aa4af);
        crc32c_skip[26] = ^(state & 32'hbcb09778);
        crc32c_skip[27] = ^(state & 32'h79612ef1);
        crc32c_skip[28] = ^(state & 32'hf2c25de2);
        crc32c_skip[29] = ^(state & 32'he584bbc4);
        crc32c_skip[30] = ^(state & 32'hcb097789);
        crc32c_skip[31] = ^(state & 32'h9612ef13);
      end
      5'd11: begin
        crc32c_skip[0] = ^(state & 32'h25de2753);
        crc32c_skip[1] = ^(state & 32'h4bbc4ea6);
        crc32c_skip[2] = ^(state & 32'h97789d4c);
        crc32c_skip[3] = ^(state & 32'h2ef13a98);
        crc32c_skip[4] = ^(state & 32'h783c5262);
        crc32c_skip[5] = ^(state & 32'hd5a68396);
        crc32c_skip[6] = ^(state & 32'h8e93207f);
        crc32c_skip[7] = ^(state & 32'h38f867ad);
        crc32c_skip[8] = ^(state & 32'h71f0cf5b);
        crc32c_skip[9] = ^(state & 32'hc63fb9e5);
        crc32c_skip[10] = ^(state & 32'ha9a15499);
        crc32c_skip[11] = ^(state & 32'h5342a932);
        crc32c_skip[12] = ^(state & 32'h835b7537);
        crc32c_skip[13] = ^(state & 32'h2368cd3d);
        crc32c_skip[14] = ^(state & 32'h630fbd29);
        crc32c_skip[15] = ^(state & 32'hc61f7a53);
        crc32c_skip[16] = ^(state & 32'h8c3ef4a7);
        crc32c_skip[17] = ^(state & 32'h187de94e);
        crc32c_skip[18] = ^(state & 32'h1525f5ce);
        crc32c_skip[19] = ^(state & 32'hf95ccce);
        crc32c_skip[20] = ^(state & 32'h1f2b999d);
        crc32c_skip[21] = ^(state & 32'h1b891469);
        crc32c_skip[22] = ^(state & 32'h12cc0f81);
        crc32c_skip[23] = ^(state & 32'h463850);
        crc32c_skip[24] = ^(state & 32'h255257f3);
        crc32c_skip[25] = ^(state & 32'h4aa4afe7);
        crc32c_skip[26] = ^(state & 32'hb097789d);
        crc32c_skip[27] = ^(state & 32'h612ef13a);
        crc32c_skip[28] = ^(state & 32'hc25de275);
        crc32c_skip[29] = ^(state & 32'h84bbc4ea);
        crc32c_skip[30] = ^(state & 32'h97789d4);
        crc32c_skip[31] = ^(state & 32'h12ef13a9);
      end
      5'd12: begin
        crc32c_skip[0] = ^(state & 32'hde275318);
        crc32c_skip[1] = ^(state & 32'hbc4ea630);
        crc32c_skip[2] = ^(state & 32'h789d4c60);
        crc32c_skip[3] = ^(state & 32'hf13a98c0);
        crc32c_skip[4] = ^(state & 32'h3c526299);
        crc32c_skip[5] = ^(state & 32'ha683962b);
        crc32c_skip[6] = ^(state & 32'h93207f4e);
        crc32c_skip[7] = ^(state & 32'hf867ad84);
        crc32c_skip[8] = ^(state & 32'hf0cf5b08);
        crc32c_skip[9] = ^(state & 32'h3fb9e508);
        crc32c_skip[10] = ^(state & 32'ha1549909);
        crc32c_skip[11] = ^(state & 32'h42a93212);
        crc32c_skip[12] = ^(state & 32'h5b75373d);
        crc32c_skip[13] = ^(state & 32'h68cd3d62);
        crc32c_skip[14] = ^(state & 32'hfbd29dd);
        crc32c_skip[15] = ^(state & 32'h1f7a53bb);
        crc32c_skip[16] = ^(state & 32'h3ef4a777);
        crc32c_skip[17] = ^(state & 32'h7de94eee);
        crc32c_skip[18] = ^(state & 32'h25f5cec4);
        crc32c_skip[19] = ^(state & 32'h95ccce90);
        crc32c_skip[20] = ^(state & 32'h2b999d21);
        crc32c_skip[21] = ^(state & 32'h8914695b);
        crc32c_skip[22] = ^(state & 32'hcc0f81af);
        crc32c_skip[23] = ^(state & 32'h46385046);
        crc32c_skip[24] = ^(state & 32'h5257f395);
        crc32c_skip[25] = ^(state & 32'ha4afe72a);
        crc32c_skip[26] = ^(state & 32'h97789d4c);
        crc32c_skip[27] = ^(state & 32'h2ef13a98);
        crc32c_skip[28] = ^(state & 32'h5de27531);
        crc32c_skip[29] = ^(state & 32'hbbc4ea63);
        crc32c_skip[30] = ^(state & 32'h7789d4c6);
        crc32c_skip[31] = ^(state & 32'hef13a98c);
      end
      5'd13: begin
        crc32c_skip[0] = ^(state & 32'h27531819);
        crc32c_skip[1] = ^(state & 32'h4ea63032);
        crc32c_skip[2] = ^(state & 32'h9d4c6065);
        crc32c_skip[3] = ^(state & 32'h3a98c0ca);
        crc32c_skip[4] = ^(state & 32'h5262998c);
        crc32c_skip[5] = ^(state & 32'h83962b01);
        crc32c_skip[6] = ^(state & 32'h207f4e1b);
        crc32c_skip[7] = ^(state & 32'h67ad842e);
        crc32c_skip[8] = ^(state & 32'hcf5b085c);
        crc32c_skip[9] = ^(state & 32'hb9e508a0);
        crc32c_skip[10] = ^(state & 32'h54990958);
        crc32c_skip[11] = ^(state & 32'ha93212b1);
        crc32c_skip[12] = ^(state & 32'h75373d7b);
        crc32c_skip[13] = ^(state & 32'hcd3d62ef);
        crc32c_skip[14] = ^(state & 32'hbd29ddc6);
        crc32c_skip[15] = ^(state & 32'h7a53bb8c);
        crc32c_skip[16] = ^(state & 32'hf4a77718);
        crc32c_skip[17] = ^(state & 32'he94eee31);
        crc32c_skip[18] = ^(state & 32'hf5cec47a);
        crc32c_skip[19] = ^(state & 32'hccce90ec);
        crc32c_skip[20] = ^(state & 32'h999d21d9);
        crc32c_skip[21] = ^(state & 32'h14695baa);
        crc32c_skip[22] = ^(state & 32'hf81af4d);
        crc32c_skip[23] = ^(state & 32'h38504683);
        crc32c_skip[24] = ^(state & 32'h57f3951e);
        crc32c_skip[25] = ^(state & 32'hafe72a3c);
        crc32c_skip[26] = ^(state & 32'h789d4c60);
        crc32c_skip[27] = ^(state & 32'hf13a98c0);
        crc32c_skip[28] = ^(state & 32'he2753181);
        crc32c_skip[29] = ^(state & 32'hc4ea6303);
        crc32c_skip[30] = ^(state & 32'h89d4c606);
        crc32c_skip[31] = ^(state & 32'h13a98c0c);
      end
      5'd14: begin
        crc32c_skip[0] = ^(state & 32'h53181954);
        crc32c_skip[1] = ^(state & 32'ha63032a9);
        crc32c_skip[2] = ^(state & 32'h4c606553);
        crc32c_skip[3] = ^(state & 32'h98c0caa6);
        crc32c_skip[4] = ^(state & 32'h62998c18);
        crc32c_skip[5] = ^(state & 32'h962b0164);
        crc32c_skip[6] = ^(state & 32'h7f4e1b9d);
        crc32c_skip[7] = ^(state & 32'had842e6e);
        crc32c_skip[8] = ^(state & 32'h5b085cdd);
        crc32c_skip[9] = ^(state & 32'he508a0ee);
        crc32c_skip[10] = ^(state & 32'h99095889);
        crc32c_skip[11] = ^(state & 32'h3212b112);
        crc32c_skip[12] = ^(state & 32'h373d7b71);
        crc32c_skip[13] = ^(state & 32'h3d62efb6);
        crc32c_skip[14] = ^(state & 32'h29ddc639);
        crc32c_skip[15] = ^(state & 32'h53bb8c72);
        crc32c_skip[16] = ^(state & 32'ha77718e5);
        crc32c_skip[17] = ^(state & 32'h4eee31cb);
        crc32c_skip[18] = ^(state & 32'hcec47ac3);
        crc32c_skip[19] = ^(state & 32'hce90ecd2);
        crc32c_skip[20] = ^(state & 32'h9d21d9a4);
        crc32c_skip[21] = ^(state & 32'h695baa1c);
        crc32c_skip[22] = ^(state & 32'h81af4d6c);
        crc32c_skip[23] = ^(state & 32'h5046838c);
        crc32c_skip[24] = ^(state & 32'hf3951e4c);
        crc32c_skip[25] = ^(state & 32'he72a3c98);
        crc32c_skip[26] = ^(state & 32'h9d4c6065);
        crc32c_skip[27] = ^(state & 32'h3a98c0ca);
        crc32c_skip[28] = ^(state & 32'h75318195);
        crc32c_skip[29] = ^(state & 32'hea63032a);
        crc32c_skip[30] = ^(state & 32'hd4c60655);
        crc32c_skip[31] = ^(state & 32'ha98c0caa);
      end
      5'd15: begin
        crc32c_skip[0] = ^(state & 32'h181954cd);
        crc32c_skip[1] = ^(state & 32'h3032a99a);
        crc32c_skip[2] = ^(state & 32'h60655334);
        crc32c_skip[3] = ^(state & 32'hc0caa668);
        crc32c_skip[4] = ^(state & 32'h998c181c);
        crc32c_skip[5] = ^(state & 32'h2b0164f4);
        crc32c_skip[6] = ^(state & 32'h4e1b9d24);
        crc32c_skip[7] = ^(state & 32'h842e6e84);
        crc32c_skip[8] = ^(state & 32'h85cdd09);
        crc32c_skip[9] = ^(state & 32'h8a0eede);
        crc32c_skip[10] = ^(state & 32'h9588971);
        crc32c_skip[11] = ^(state & 32'h12b112e3);
        crc32c_skip[12] = ^(state & 32'h3d7b710b);
        crc32c_skip[13] = ^(state & 32'h62efb6db);
        crc32c_skip[14] = ^(state & 32'hddc6397b);
        crc32c_skip[15] = ^(state & 32'hbb8c72f7);
        crc32c_skip[16] = ^(state & 32'h7718e5ee);
        crc32c_skip[17] = ^(state & 32'hee31cbdd);
        crc32c_skip[18] = ^(state & 32'hc47ac377);
        crc32c_skip[19] = ^(state & 32'h90ecd223);
        crc32c_skip[20] = ^(state & 32'h21d9a446);
        crc32c_skip[21] = ^(state & 32'h5baa1c40);
        crc32c_skip[22] = ^(state & 32'haf4d6c4c);
        crc32c_skip[23] = ^(state & 32'h46838c55);
        crc32c_skip[24] = ^(state & 32'h951e4c67);
        crc32c_skip[25] = ^(state & 32'h2a3c98cf);
        crc32c_skip[26] = ^(state & 32'h4c606553);
        crc32c_skip[27] = ^(state & 32'h98c0caa6);
        crc32c_skip[28] = ^(state & 32'h3181954c);
        crc32c_skip[29] = ^(state & 32'h63032a99);
        crc32c_skip[30] = ^(state & 32'hc6065533);
        crc32c_skip[31] = ^(state & 32'h8c0caa66);
      end
      default: begin
        crc32c_skip[0] = ^(state & 32'h1954cd1e);
        crc32c_skip[1] = ^(state & 32'h32a99a3d);
        crc32c_skip[2] = ^(state & 32'h6553347b);
        crc32c_skip[3] = ^(state & 32'hcaa668f7);
        crc32c_skip[4] = ^(state & 32'h8c181cf1);
        crc32c_skip[5] = ^(state & 32'h164f4fd);
        crc32c_skip[6] = ^(state & 32'h1b9d24e5);
        crc32c_skip[7] = ^(state & 32'h2e6e84d5);
        crc32c_skip[8] = ^(state & 32'h5cdd09ab);
        crc32c_skip[9] = ^(state & 32'ha0eede48);
        crc32c_skip[10] = ^(state & 32'h5889718f);
        crc32c_skip[11] = ^(state & 32'hb112e31f);
        crc32c_skip[12] = ^(state & 32'h7b710b20);
        crc32c_skip[13] = ^(state & 32'hefb6db5e);
        crc32c_skip[14] = ^(state & 32'hc6397ba2);
        crc32c_skip[15] = ^(state & 32'h8c72f744);
        crc32c_skip[16] = ^(state & 32'h18e5ee88);
        crc32c_skip[17] = ^(state & 32'h31cbdd10);
        crc32c_skip[18] = ^(state & 32'h7ac3773f);
        crc32c_skip[19] = ^(state & 32'hecd22361);
        crc32c_skip[20] = ^(state & 32'hd9a446c2);
        crc32c_skip[21] = ^(state & 32'haa1c409a);
        crc32c_skip[22] = ^(state & 32'h4d6c4c2a);
        crc32c_skip[23] = ^(state & 32'h838c554a);
        crc32c_skip[24] = ^(state & 32'h1e4c678a);
        crc32c_skip[25] = ^(state & 32'h3c98cf15);
        crc32c_skip[26] = ^(state & 32'h60655334);
        crc32c_skip[27] = ^(state & 32'hc0caa668);
        crc32c_skip[28] = ^(state & 32'h81954cd1);
        crc32c_skip[29] = ^(state & 32'h32a99a3);
        crc32c_skip[30] = ^(state & 32'h6553347);
        crc32c_skip[31] = ^(state & 32'hcaa668f);
      end
    endcase
  endfunction
endpackage
