// DDR behind AXI ports, for the simulation: latency, bandwidth and random back-pressure, plus a protocol checker.
#pragma once
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

/// What the memory behaves like. Times are cycles of the overlay's clock.
struct MemoryModel {
  uint32_t latency = 60;       // from an accepted address to its first beat
  uint32_t jitter = 0;         // up to this much more, at random
  uint32_t busy_per_1024 = 0;  // chance that a channel refuses or withholds in a cycle
  uint32_t beats_per_1024 = 1024;  // bandwidth of a read port
};

/// xorshift32: the same seed gives the same stalls on every machine.
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed ? seed : 1) {}
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  bool chance(uint32_t per_1024) { return per_1024 != 0 && (next() >> 7) % 1024 < per_1024; }

 private:
  uint32_t state_;
};

/// The bytes, and which ranges of addresses may be touched.
class Ddr {
 public:
  Ddr(uint64_t base, uint64_t bytes) : base_(base), size_(bytes) {
    data_ = static_cast<uint8_t*>(calloc(bytes, 1));
  }
  ~Ddr() { free(data_); }
  Ddr(const Ddr&) = delete;
  uint8_t* data() { return data_; }
  void map(uint64_t address, uint64_t bytes) { ranges_[address] = address + ((bytes + 15) & ~15ull); }
  void unmap(uint64_t address) { ranges_.erase(address); }
  /// The 16 bytes at an address, or null outside every mapped range.
  uint8_t* beat(uint64_t address) {
    auto after = ranges_.upper_bound(address);
    if (after == ranges_.begin()) return nullptr;
    --after;
    if (address + 16 > after->second || address < base_ || address + 16 > base_ + size_) return nullptr;
    return data_ + (address - base_);
  }

 private:
  uint64_t base_, size_;
  uint8_t* data_;
  std::map<uint64_t, uint64_t> ranges_;
};

/// Collects the first violation of the AXI rules.
class Checker {
 public:
  void fail(const char* channel, const char* rule) {
    if (first_.empty()) first_ = std::string(channel) + ": " + rule;
  }
  void burst(const char* channel, uint64_t address, uint32_t beats) {
    if (address % 16) fail(channel, "address is not aligned to the beat");
    if (address / 4096 != (address + beats * 16 - 1) / 4096) fail(channel, "burst crosses 4 KiB");
    if (beats > 256) fail(channel, "burst longer than 256 beats");
  }
  const std::string& first() const { return first_; }

 private:
  std::string first_;
};

/// One AXI read port. Call drive() before the clock edge with the overlay's outputs of this cycle, then clocked().
class ReadPort {
 public:
  ReadPort(const char* name, Ddr& ddr, Checker& checker, const MemoryModel& model, Random& random)
      : name_(name), ddr_(ddr), checker_(checker), model_(model), random_(random) {}

  bool arready = false, rvalid = false, rlast = false;
  uint8_t rresp = 0;
  uint8_t rdata[16] = {};
  uint64_t beats = 0;

  /// Decides this cycle's outputs.
  void prepare(uint64_t now) {
    arready = queue_.size() < 8 && !random_.chance(model_.busy_per_1024);
    if (!rvalid && !queue_.empty() && queue_.front().ready <= now && !random_.chance(model_.busy_per_1024)) {
      credit_ = credit_ > 4096 ? 4096 : credit_;
      if (credit_ >= 1024) {
        credit_ -= 1024;
        const Burst& burst = queue_.front();
        const uint8_t* bytes = ddr_.beat(burst.address);
        rvalid = true;
        rresp = bytes ? 0 : 3;
        if (bytes) memcpy(rdata, bytes, 16);
        else memset(rdata, 0xee, 16);
        rlast = burst.left == 1;
      }
    }
    if (credit_ < 4096) credit_ += model_.beats_per_1024;
  }

  void clocked(uint64_t now, bool arvalid, uint64_t araddr, uint8_t arlen, bool rready) {
    if (waiting_ && (!arvalid || araddr != address_ || arlen != length_)) checker_.fail(name_, "AR changed before ready");
    waiting_ = arvalid && !arready;
    address_ = araddr;
    length_ = arlen;
    if (arvalid && arready) {
      checker_.burst(name_, araddr, arlen + 1u);
      uint64_t ready = now + model_.latency + (model_.jitter ? random_.next() % model_.jitter : 0);
      queue_.push_back({araddr, arlen + 1u, ready});
    }
    if (rvalid && rready) {
      rvalid = false;
      beats += 1;
      Burst& burst = queue_.front();
      burst.address += 16;
      if (--burst.left == 0) queue_.pop_front();
    }
  }

 private:
  struct Burst {
    uint64_t address;
    uint32_t left;
    uint64_t ready;
  };
  const char* name_;
  Ddr& ddr_;
  Checker& checker_;
  const MemoryModel& model_;
  Random& random_;
  std::deque<Burst> queue_;
  uint32_t credit_ = 4096;
  bool waiting_ = false;
  uint64_t address_ = 0;
  uint8_t length_ = 0;
};

/// One AXI write port.
class WritePort {
 public:
  WritePort(const char* name, Ddr& ddr, Checker& checker, const MemoryModel& model, Random& random)
      : name_(name), ddr_(ddr), checker_(checker), model_(model), random_(random) {}

  bool awready = false, wready = false, bvalid = false;
  uint8_t bresp = 0;

  void prepare(uint64_t now) {
    awready = bursts_.size() < 4 && !random_.chance(model_.busy_per_1024);
    wready = !bursts_.empty() && !random_.chance(model_.busy_per_1024);
    if (!bvalid && !answers_.empty() && answers_.front().ready <= now) {
      bvalid = true;
      bresp = answers_.front().response;
    }
  }

  void clocked(uint64_t now, bool awvalid, uint64_t awaddr, uint8_t awlen, bool wvalid, const uint8_t* wdata,
               uint16_t wstrb, bool wlast, bool bready) {
    if (bvalid && bready) {
      bvalid = false;
      answers_.pop_front();
    }
    if (withheld_ && (!wvalid || wstrb != strobes_ || wlast != last_ || memcmp(wdata, data_, 16) != 0)) {
      checker_.fail(name_, "W changed before ready");
    }
    withheld_ = wvalid && !wready;
    strobes_ = wstrb;
    last_ = wlast;
    memcpy(data_, wdata, 16);
    if (wvalid && wready) {
      Burst& burst = bursts_.front();
      uint8_t* bytes = ddr_.beat(burst.address);
      if (bytes) {
        for (int index = 0; index < 16; index += 1) {
          if (wstrb >> index & 1) bytes[index] = wdata[index];
        }
      } else burst.response = 3;
      burst.address += 16;
      if (wlast != (burst.left == 1)) checker_.fail(name_, "WLAST on the wrong beat");
      if (--burst.left == 0) {
        answers_.push_back({now + model_.latency, burst.response});
        bursts_.pop_front();
      }
    }
    if (waiting_ && (!awvalid || awaddr != address_ || awlen != length_)) checker_.fail(name_, "AW changed before ready");
    waiting_ = awvalid && !awready;
    address_ = awaddr;
    length_ = awlen;
    if (awvalid && awready) {
      checker_.burst(name_, awaddr, awlen + 1u);
      bursts_.push_back({awaddr, awlen + 1u, 0});
    }
  }

 private:
  struct Burst {
    uint64_t address;
    uint32_t left;
    uint8_t response;
  };
  struct Answer {
    uint64_t ready;
    uint8_t response;
  };
  const char* name_;
  Ddr& ddr_;
  Checker& checker_;
  const MemoryModel& model_;
  Random& random_;
  std::deque<Burst> bursts_;
  std::deque<Answer> answers_;
  bool waiting_ = false, withheld_ = false, last_ = false;
  uint64_t address_ = 0;
  uint8_t length_ = 0;
  uint16_t strobes_ = 0;
  uint8_t data_[16] = {};
};
