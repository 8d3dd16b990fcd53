# Builds the overlay of a geometry for the KV260, from RTL to bitstream:
#
#   vivado -mode batch -source bitstreams/vivado/build.tcl -tclargs p8i8o16
#
# Leaves bitstreams/build/vivado-<geometry>/{sluice.bit,sluice.hwh,build.txt,*.rpt}; `node bitstreams/vivado/finish.mjs
# <geometry>` makes bitstreams/overlays/<geometry> of them. Written for Vivado 2022.2 and later; it stops when timing is
# not met. Weights come in over HP0, everything else over HP1; the registers hang on HPM0.

set here [file dirname [file normalize [info script]]]
set geometry [expr {[llength $argv] > 0 ? [lindex $argv 0] : "p8i8o16"}]
if {![file exists "$here/geometry-$geometry.tcl"]} {
  error "There is no geometry $geometry; run node bitstreams/scripts/generate-vivado.mjs"
}
source "$here/geometry-$geometry.tcl"
set out [file normalize "$here/../build/vivado-$geometry"]
file mkdir $out

# Every .sv file below a folder.
proc find_sources {folder} {
  set found [glob -nocomplain -directory $folder *.sv]
  foreach inner [glob -nocomplain -directory $folder -types d *] {
    set found [concat $found [find_sources $inner]]
  }
  return [lsort $found]
}

create_project -force sluice "$out/project" -part $part
add_files -norecurse [find_sources [file normalize "$here/../rtl"]]
add_files -norecurse "$here/sluice_kv260.v"
set_property verilog_define {SYNTHESIS} [current_fileset]
update_compile_order -fileset sources_1

create_bd_design $design

# The processing system. Its DDR and pins are set up by the board's boot loader; a bitstream carries only the ports.
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e:* ps]
set_property -dict [list \
  CONFIG.PSU__PSS_REF_CLK__FREQMHZ 33.333 \
  CONFIG.PSU__FPGA_PL0_ENABLE 1 \
  CONFIG.PSU__CRL_APB__PL0_REF_CTRL__SRCSEL IOPLL \
  CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $clock_mhz \
  CONFIG.PSU__USE__M_AXI_GP0 1 \
  CONFIG.PSU__USE__M_AXI_GP1 0 \
  CONFIG.PSU__USE__M_AXI_GP2 0 \
  CONFIG.PSU__MAXIGP0__DATA_WIDTH $register_width \
  CONFIG.PSU__USE__S_AXI_GP2 1 \
  CONFIG.PSU__USE__S_AXI_GP3 1 \
  CONFIG.PSU__SAXIGP2__DATA_WIDTH $memory_width \
  CONFIG.PSU__SAXIGP3__DATA_WIDTH $memory_width \
  CONFIG.PSU__USE__IRQ0 1 \
] $ps

set overlay [create_bd_cell -type module -reference sluice_kv260 overlay]
foreach {name value} $parameters {
  set_property "CONFIG.$name" $value $overlay
}
set reset [create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset:* reset]
foreach name {registers weights data} {
  set connect_$name [create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect:* connect_$name]
  set_property -dict [list CONFIG.NUM_SI 1 CONFIG.NUM_MI 1] [set connect_$name]
}

connect_bd_intf_net [get_bd_intf_pins ps/M_AXI_HPM0_FPD] [get_bd_intf_pins connect_registers/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins connect_registers/M00_AXI] [get_bd_intf_pins overlay/s_axi]
connect_bd_intf_net [get_bd_intf_pins overlay/m_axi_weights] [get_bd_intf_pins connect_weights/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins connect_weights/M00_AXI] [get_bd_intf_pins ps/S_AXI_HP0_FPD]
connect_bd_intf_net [get_bd_intf_pins overlay/m_axi_data] [get_bd_intf_pins connect_data/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins connect_data/M00_AXI] [get_bd_intf_pins ps/S_AXI_HP1_FPD]

foreach pin {
  ps/maxihpm0_fpd_aclk ps/saxihp0_fpd_aclk ps/saxihp1_fpd_aclk reset/slowest_sync_clk overlay/aclk
  connect_registers/aclk connect_weights/aclk connect_data/aclk
} {
  connect_bd_net [get_bd_pins ps/pl_clk0] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins ps/pl_resetn0] [get_bd_pins reset/ext_reset_in]
foreach pin {overlay/aresetn connect_registers/aresetn connect_weights/aresetn connect_data/aresetn} {
  connect_bd_net [get_bd_pins reset/peripheral_aresetn] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins overlay/irq] [get_bd_pins ps/pl_ps_irq0]

assign_bd_address -offset $register_base -range $register_bytes \
  -target_address_space [get_bd_addr_spaces ps/Data] [get_bd_addr_segs overlay/s_axi/reg0] -force
foreach {space port} {m_axi_weights HP0 m_axi_data HP1} {
  foreach {segment offset} {DDR_LOW 0x0 DDR_HIGH 0x800000000} {
    assign_bd_address -offset $offset -range 2G -target_address_space [get_bd_addr_spaces "overlay/$space"] \
      [get_bd_addr_segs "ps/SAXIGP[expr {$port eq {HP0} ? 2 : 3}]/${port}_$segment"] -force
  }
}
validate_bd_design
save_bd_design

set wrapper [make_wrapper -files [get_files "$design.bd"] -top]
add_files -norecurse $wrapper
set_property top "${design}_wrapper" [current_fileset]
update_compile_order -fileset sources_1

set_property strategy Flow_PerfOptimized_high [get_runs synth_1]
set_property strategy Performance_ExplorePostRoutePhysOpt [get_runs impl_1]
launch_runs synth_1 -jobs 4
wait_on_run synth_1
if {[get_property PROGRESS [get_runs synth_1]] ne "100%"} { error "Synthesis failed; see $out/project" }
launch_runs impl_1 -jobs 4
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} { error "Implementation failed; see $out/project" }
open_run impl_1
report_timing_summary -file "$out/timing.rpt"
report_utilization -hierarchical -file "$out/utilization.rpt"
set slack [get_property SLACK [get_timing_paths -delay_type max]]
set hold [get_property SLACK [get_timing_paths -delay_type min]]
if {$slack < 0 || $hold < 0} {
  error "Timing is not met at $clock_mhz MHz: setup slack $slack ns, hold slack $hold ns; see $out/timing.rpt"
}
write_bitstream -force "$out/sluice.bit"
file copy -force [lindex [glob "$out/project/sluice.gen/sources_1/bd/$design/hw_handoff/$design.hwh"] 0] "$out/sluice.hwh"
set facts [open "$out/build.txt" w]
puts $facts "Vivado [version -short]"
close $facts
puts "Built $out/sluice.bit; now run: node bitstreams/vivado/finish.mjs $geometry"
