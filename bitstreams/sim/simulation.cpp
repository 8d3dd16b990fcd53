// The Verilated overlay with its DDR as a C library: registers, memory, and cycles in bulk. Driven from
// board-firmware/src/device/rtl.ts through koffi; nothing is ticked from JavaScript.
#include <cstdlib>

#include "Vsluice_overlay.h"
#include "axi_memory.h"
#include "verilated.h"
#if VM_COVERAGE
#include <unistd.h>

#include "verilated_cov.h"
#endif

#define EXPORT extern "C" __attribute__((visibility("default")))

double sc_time_stamp() { return 0; }

struct Simulation {
  VerilatedContext context;
  Vsluice_overlay top{&context};
  MemoryModel model;
  Random random;
  Checker checker;
  Ddr ddr;
  ReadPort weights{"weight read port", ddr, checker, model, random};
  ReadPort data{"data read port", ddr, checker, model, random};
  WritePort writes{"write port", ddr, checker, model, random};
  uint64_t cycle = 0;

  Simulation(uint64_t base, uint64_t bytes, uint32_t seed) : random(seed), ddr(base, bytes) {}

  void tick() {
    weights.prepare(cycle);
    data.prepare(cycle);
    writes.prepare(cycle);
    top.w_arready_i = weights.arready;
    top.w_rvalid_i = weights.rvalid;
    top.w_rresp_i = weights.rresp;
    top.w_rlast_i = weights.rlast;
    memcpy(&top.w_rdata_i, weights.rdata, 16);
    top.d_arready_i = data.arready;
    top.d_rvalid_i = data.rvalid;
    top.d_rresp_i = data.rresp;
    top.d_rlast_i = data.rlast;
    memcpy(&top.d_rdata_i, data.rdata, 16);
    top.d_awready_i = writes.awready;
    top.d_wready_i = writes.wready;
    top.d_bvalid_i = writes.bvalid;
    top.d_bresp_i = writes.bresp;
    top.clk_i = 0;
    top.eval();
    weights.clocked(cycle, top.w_arvalid_o, top.w_araddr_o, top.w_arlen_o, top.w_rready_o);
    data.clocked(cycle, top.d_arvalid_o, top.d_araddr_o, top.d_arlen_o, top.d_rready_o);
    writes.clocked(cycle, top.d_awvalid_o, top.d_awaddr_o, top.d_awlen_o, top.d_wvalid_o,
                   reinterpret_cast<const uint8_t*>(&top.d_wdata_o), top.d_wstrb_o, top.d_wlast_o, top.d_bready_o);
    top.clk_i = 1;
    top.eval();
    cycle += 1;
  }
};

EXPORT Simulation* sim_open(uint64_t base, uint64_t bytes, uint32_t seed) {
  auto* simulation = new Simulation(base, bytes, seed);
  auto& top = simulation->top;
  top.rst_ni = 0;
  top.s_awvalid_i = top.s_wvalid_i = top.s_arvalid_i = 0;
  top.s_bready_i = top.s_rready_i = 1;
  for (int count = 0; count < 8; count += 1) simulation->tick();
  top.rst_ni = 1;
  simulation->tick();
  return simulation;
}

EXPORT void sim_close(Simulation* simulation) {
#if VM_COVERAGE
  // bench/rtl-coverage.mjs adds the files of all simulations up.
  if (const char* folder = getenv("SLUICE_RTL_COVERAGE")) {
    static int count = 0;
    const std::string path = std::string(folder) + "/" + std::to_string(getpid()) + "-" + std::to_string(count++);
    simulation->context.coveragep()->write((path + ".dat").c_str());
  }
#endif
  delete simulation;
}

EXPORT uint8_t* sim_memory(Simulation* simulation) { return simulation->ddr.data(); }
EXPORT void sim_map(Simulation* simulation, uint64_t address, uint64_t bytes) { simulation->ddr.map(address, bytes); }
EXPORT void sim_unmap(Simulation* simulation, uint64_t address) { simulation->ddr.unmap(address); }

EXPORT void sim_model(Simulation* simulation, uint32_t latency, uint32_t jitter, uint32_t busy_per_1024,
                      uint32_t beats_per_1024) {
  simulation->model = {latency, jitter, busy_per_1024, beats_per_1024};
}

EXPORT void sim_write(Simulation* simulation, uint32_t offset, uint32_t value) {
  auto& top = simulation->top;
  top.s_awvalid_i = top.s_wvalid_i = 1;
  top.s_awaddr_i = offset;
  top.s_wdata_i = value;
  simulation->tick();
  top.s_awvalid_i = top.s_wvalid_i = 0;
  while (top.s_bvalid_o) simulation->tick();
}

EXPORT uint32_t sim_read(Simulation* simulation, uint32_t offset) {
  auto& top = simulation->top;
  top.s_arvalid_i = 1;
  top.s_araddr_i = offset;
  for (bool taken = false; !taken;) {
    taken = top.s_arready_o;
    simulation->tick();
  }
  top.s_arvalid_i = 0;
  while (!top.s_rvalid_o) simulation->tick();
  const uint32_t value = top.s_rdata_o;
  simulation->tick();
  return value;
}

// Runs until the interrupt line rises or the cycles are used up; returns the cycles run.
EXPORT uint64_t sim_run(Simulation* simulation, uint64_t cycles) {
  uint64_t done = 0;
  while (done < cycles && !simulation->top.interrupt_o) {
    simulation->tick();
    done += 1;
  }
  return done;
}

EXPORT uint64_t sim_beats(Simulation* simulation, uint32_t port) {
  return port == 0 ? simulation->weights.beats : simulation->data.beats;
}

// The first violation of the bus protocol, or an empty string.
EXPORT const char* sim_violation(Simulation* simulation) { return simulation->checker.first().c_str(); }
