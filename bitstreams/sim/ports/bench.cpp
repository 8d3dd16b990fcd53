// Bench of the ports: read jobs of three clients and a write job at the same time, at random addresses and lengths, behind a
// memory with random latency and back-pressure; clients take and give beats when they like. Now and then everything is
// halted in the middle, as after an error, and must come to rest.
//
//   bench SEED ROUNDS LATENCY JITTER BUSY_PER_1024     prints a summary; one line and exit 1 at the first thing wrong
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../axi_memory.h"
#include "Vport_clients.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {
constexpr uint64_t kBase = 0x40000000;
constexpr uint64_t kBytes = 1 << 20;
constexpr uint64_t kWrites = kBase + kBytes / 2;   // reads below, writes above

struct Bench {
  VerilatedContext context;
  Vport_clients top{&context};
  Ddr ddr{kBase, kBytes};
  Checker checker;
  MemoryModel model;
  Random random, traffic;
  ReadPort reads{"R", ddr, checker, model, random};
  WritePort writes{"W", ddr, checker, model, random};
  uint64_t now = 0;

  Bench(uint32_t seed, const MemoryModel& memory) : model(memory), random(seed), traffic(seed * 7919 + 1) {
    ddr.map(kBase, kBytes);
    for (uint64_t at = 0; at < kBytes; at += 4) {
      const uint32_t word = uint32_t(at);
      memcpy(ddr.data() + at, &word, 4);
    }
  }

  void fail(const char* what) {
    printf("cycle %llu: %s\n", (unsigned long long)now, what);
    exit(1);
  }

  void tick() {
    reads.prepare(now);
    writes.prepare(now);
    top.arready_i = reads.arready;
    top.rvalid_i = reads.rvalid;
    top.rlast_i = reads.rlast;
    top.rresp_i = reads.rresp;
    memcpy(&top.rdata_i, reads.rdata, 16);
    top.awready_i = writes.awready;
    top.wready_i = writes.wready;
    top.bvalid_i = writes.bvalid;
    top.bresp_i = writes.bresp;
    top.eval();
    reads.clocked(now, top.arvalid_o, top.araddr_o, top.arlen_o, top.rready_o);
    uint8_t data[16];
    memcpy(data, &top.wdata_o, 16);
    writes.clocked(now, top.awvalid_o, top.awaddr_o, top.awlen_o, top.wvalid_o, data, top.wstrb_o, top.wlast_o, top.bready_o);
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
    now += 1;
    if (top.read_error_o || top.write_error_o) fail("an error where every address is mapped");
    if (!checker.first().empty()) fail(checker.first().c_str());
  }
};

struct Job {
  uint64_t address = 0;
  uint32_t beats = 0, done = 0;
};
}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const uint32_t seed = strtoul(argv[1], nullptr, 10), rounds = strtoul(argv[2], nullptr, 10);
  MemoryModel memory;
  memory.latency = strtoul(argv[3], nullptr, 10);
  memory.jitter = strtoul(argv[4], nullptr, 10);
  memory.busy_per_1024 = strtoul(argv[5], nullptr, 10);
  Bench bench(seed, memory);
  Vport_clients& top = bench.top;
  Random& traffic = bench.traffic;
  top.rst_ni = 0;
  top.clear_i = 1;
  top.halt_i = top.start_i = top.pop_i = top.write_start_i = top.push_i = 0;
  bench.tick();
  bench.tick();
  top.rst_ni = 1;
  bench.tick();
  top.clear_i = 0;

  uint64_t moved = 0;
  uint32_t halts = 0;
  for (uint32_t round = 0; round < rounds; round += 1) {
    Job jobs[3], write;
    const uint32_t mood[4] = {traffic.next() % 4, traffic.next() % 4, traffic.next() % 4, traffic.next() % 4};
    auto eager = [&](uint32_t who) { return traffic.next() % 4 >= mood[who]; };
    // Jobs start one after the other; address and length are common ports.
    for (uint32_t client = 0; client < 4; client += 1) {
      Job& job = client < 3 ? jobs[client] : write;
      job.beats = traffic.next() % 8 == 0 ? traffic.next() % 2 : traffic.next() % (client == 3 ? 300 : 700);
      const uint64_t room = kBytes / 2 - 16 * job.beats;
      job.address = (client == 3 ? kWrites : kBase) + traffic.next() % (room / 16) * 16;
      top.address_i = job.address;
      top.beats_i = job.beats;
      top.start_i = client < 3 ? 1 << client : 0;
      top.write_start_i = client == 3;
      bench.tick();
    }
    top.start_i = top.write_start_i = 0;
    std::vector<uint8_t> before(bench.ddr.data() + kBytes / 2, bench.ddr.data() + kBytes);
    const bool halts_here = traffic.next() % 5 == 0;
    const uint32_t halt_after = traffic.next() % 600;
    uint32_t pushed = 0, cycles = 0;
    std::vector<std::vector<uint8_t>> given;
    std::vector<uint16_t> strobes;
    bool halted = false;
    for (;; cycles += 1) {
      if (cycles > 200000) bench.fail("jobs do not end");
      top.halt_i = halted = halts_here && cycles >= halt_after;
      bool done = top.write_busy_o == 0 && pushed == write.beats;
      top.pop_i = 0;
      for (uint32_t client = 0; client < 3; client += 1) {
        Job& job = jobs[client];
        done = done && job.done == job.beats && (top.busy_o >> client & 1) == 0;
        if ((top.valid_o >> client & 1) == 0 || !eager(client)) continue;
        if (job.done == job.beats) bench.fail("a beat too many");
        const uint32_t word = top.data_o[client];
        if (word != uint32_t(job.address - kBase + 16 * job.done)) bench.fail("a wrong beat");
        job.done += 1;
        moved += 1;
        top.pop_i |= 1 << client;
      }
      top.push_i = 0;
      if (pushed < write.beats && top.push_free_o > 0 && eager(3) && !halted) {
        std::vector<uint8_t> bytes(16);
        for (uint8_t& byte : bytes) byte = traffic.next() >> 9;
        memcpy(&top.push_data_i, bytes.data(), 16);
        top.push_strobes_i = pushed + 1 == write.beats ? 0x00ff : 0xffff;
        strobes.push_back(top.push_strobes_i);
        given.push_back(bytes);
        top.push_i = 1;
        pushed += 1;
      }
      if (done) break;
      if (halted && cycles >= halt_after + 2 && top.read_idle_o && top.write_idle_o) break;
      bench.tick();
    }
    if (halted) {
      // At rest: what waits is dropped, nothing may move afterwards.
      halts += 1;
      top.pop_i = top.push_i = 0;
      top.clear_i = 1;
      bench.tick();
      top.clear_i = top.halt_i = 0;
      for (uint32_t cycle = 0; cycle < 40; cycle += 1) {
        bench.tick();
        if (top.arvalid_o || top.awvalid_o || top.wvalid_o || top.valid_o || top.busy_o || top.write_busy_o) bench.fail("moves after a halt");
      }
    } else bench.tick();
    top.pop_i = top.push_i = 0;
    // Memory holds what was written, and nothing else.
    uint32_t written = 0;
    for (uint32_t at = 0; at < kBytes / 2; at += 1) {
      const int64_t beat = (int64_t(kWrites + at) - int64_t(write.address)) >> 4;
      const bool inside = beat >= 0 && beat < int64_t(given.size()) && (strobes[beat] >> (at % 16) & 1);
      const uint8_t found = bench.ddr.data()[kBytes / 2 + at];
      if (inside && found == given[beat][at % 16]) written += 1;
      else if (found != before[at]) bench.fail("a wrong byte in memory");
      else if (inside && !halted) bench.fail("a byte that was not written");
    }
    moved += written / 16;
  }
  printf("%llu beats in %llu cycles, %u halts\n", (unsigned long long)moved, (unsigned long long)bench.now, halts);
  return 0;
}
