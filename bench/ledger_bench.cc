// ledger_bench DIR [SECONDS] [ROUNDS]: durable appends of the ledger beside what the disk can do.
//
// Baselines and ledger run in turn, ROUNDS times, in the same directory; the table shows medians
// and ratios inside a round. Absolute rates say something about the disk, ratios about us.
//   fdatasync   one thread: 300 bytes into a preallocated file, fdatasync. The floor of any durable
//   append. prealloc N  N threads hand 300 bytes to a committer that writes what is queued and
//   syncs once: group
//               commit without a log (no hashes, no signature, no tiles).
//   ledger N    N threads in Ledger::AppendDurable: the same, signed, as a verifiable log.
//   async       the cost of Ledger::AppendAsync for its caller.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "ledger/ledger.h"
#include "ledger/verify.h"

namespace {

using namespace interlock;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kEntryBytes = 300;
constexpr std::size_t kFileBytes = 64u << 20;

struct Measured {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double cpu_us = 0;  // of the whole process for each append: says something on a busy machine too
};

double ProcessCpuMicroseconds() {
  rusage usage{};
  ILK_CHECK(::getrusage(RUSAGE_SELF, &usage) == 0);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

Measured Summarize(std::vector<std::vector<float>> latencies_us, double seconds, double cpu_us) {
  std::vector<float> all;
  for (const auto& part : latencies_us) all.insert(all.end(), part.begin(), part.end());
  if (all.empty()) return {};
  std::sort(all.begin(), all.end());
  const auto at = [&](double q) {
    return static_cast<double>(
        all[static_cast<std::size_t>(q * static_cast<double>(all.size() - 1))]);
  };
  const auto count = static_cast<double>(all.size());
  return {count / seconds, at(0.5), at(0.99), cpu_us / count};
}

double MicrosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// Runs `append` in `threads` threads for `seconds` and times each call.
template <typename Append>
Measured RunThreads(int threads, double seconds, const Append& append) {
  std::vector<std::vector<float>> latencies(static_cast<std::size_t>(threads));
  const auto start = Clock::now();
  const double cpu_start = ProcessCpuMicroseconds();
  std::vector<std::thread> running;
  for (auto& mine : latencies) {
    running.emplace_back([&] {
      while (MicrosecondsSince(start) < seconds * 1e6) {
        const auto before = Clock::now();
        append();
        mine.push_back(static_cast<float>(MicrosecondsSince(before)));
      }
    });
  }
  for (auto& thread : running) thread.join();
  return Summarize(std::move(latencies), MicrosecondsSince(start) / 1e6,
                   ProcessCpuMicroseconds() - cpu_start);
}

UniqueFd Preallocated(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::string zeros(1u << 20, '\0');
  for (std::size_t at = 0; at < kFileBytes; at += zeros.size()) {
    ILK_CHECK(::pwrite(fd.get(), zeros.data(), zeros.size(), static_cast<off_t>(at)) ==
              static_cast<ssize_t>(zeros.size()));
  }
  ILK_CHECK(::fsync(fd.get()) == 0);
  return fd;
}

class GroupCommit {
 public:
  explicit GroupCommit(const std::string& path) : path_(path), fd_(Preallocated(path)) {
    committer_ = std::thread([this] { Run(); });
  }
  ~GroupCommit() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      work_.notify_one();
    }
    committer_.join();
    ::unlink(path_.c_str());
  }
  void Append(const std::string& entry) {
    std::unique_lock lock(mutex_);
    queue_ += entry;
    const std::uint64_t mine = ++queued_;
    work_.notify_one();
    durable_.wait(lock, [&] { return committed_ >= mine; });
  }

 private:
  void Run() {
    std::string batch;
    std::size_t offset = 0;
    for (;;) {
      std::uint64_t upto = 0;
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [&] { return stop_ || !queue_.empty(); });
        if (queue_.empty()) return;
        batch.swap(queue_);
        upto = queued_;
      }
      if (offset + batch.size() > kFileBytes) offset = 0;
      ILK_CHECK(::pwrite(fd_.get(), batch.data(), batch.size(), static_cast<off_t>(offset)) ==
                static_cast<ssize_t>(batch.size()));
      offset += batch.size();
      ILK_CHECK(::fdatasync(fd_.get()) == 0);
      {
        const std::lock_guard lock(mutex_);
        committed_ = upto;
      }
      durable_.notify_all();
      batch.clear();
    }
  }

  std::string path_;
  UniqueFd fd_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable durable_;
  std::string queue_;
  std::uint64_t queued_ = 0;
  std::uint64_t committed_ = 0;
  bool stop_ = false;
  std::thread committer_;
};

Measured MeasureSync(const std::string& dir, double seconds) {
  const std::string path = dir + "/sync";
  const UniqueFd fd = Preallocated(path);
  const std::string entry(kEntryBytes, 'e');
  std::size_t offset = 0;
  const Measured measured = RunThreads(1, seconds, [&] {
    if (offset + entry.size() > kFileBytes) offset = 0;
    ILK_CHECK(::pwrite(fd.get(), entry.data(), entry.size(), static_cast<off_t>(offset)) ==
              static_cast<ssize_t>(entry.size()));
    offset += entry.size();
    ILK_CHECK(::fdatasync(fd.get()) == 0);
  });
  ::unlink(path.c_str());
  return measured;
}

Measured MeasureGroupCommit(const std::string& dir, int threads, double seconds) {
  GroupCommit group(dir + "/group");
  const std::string entry(kEntryBytes, 'e');
  return RunThreads(threads, seconds, [&] { group.Append(entry); });
}

std::unique_ptr<ledger::Ledger> OpenLedger(const std::string& dir) {
  std::filesystem::remove_all(dir);
  ledger::Ledger::Options options;
  options.dir = dir;
  options.origin = "interlock.local/bench";
  auto key = crypto::Ed25519Key::FromSeed(crypto::NewEd25519Seed());
  ILK_CHECK(key.has_value());
  auto opened = ledger::Ledger::Open(options, std::move(*key));
  if (!opened) std::fprintf(stderr, "%s\n", opened.error().message.c_str());
  ILK_CHECK(opened.has_value());
  return std::move(*opened);
}

void CheckLedger(const std::string& dir) {
  const auto key = ledger::ReadVerifierKey(dir);
  ILK_CHECK(key.has_value());
  const auto report = ledger::Verify(dir, *key);
  if (!report) std::fprintf(stderr, "%s\n", report.error().message.c_str());
  ILK_CHECK(report.has_value());
}

Measured MeasureLedger(const std::string& dir, int threads, double seconds) {
  const std::string path = dir + "/ledger";
  Measured measured;
  {
    const auto ledger = OpenLedger(path);
    const std::string entry(kEntryBytes, 'e');
    measured =
        RunThreads(threads, seconds, [&] { ILK_CHECK(ledger->AppendDurable(entry).has_value()); });
  }
  CheckLedger(path);
  return measured;
}

// Bursts that fit the queue, flushed in between outside the measured time: nanoseconds a call.
double MeasureAsync(const std::string& dir, double seconds) {
  const std::string path = dir + "/ledger";
  const auto ledger = OpenLedger(path);
  const std::string entry(kEntryBytes, 'e');
  constexpr int kBurst = 2000;
  std::vector<double> bursts;
  const auto start = Clock::now();
  while (MicrosecondsSince(start) < seconds * 1e6) {
    const auto before = Clock::now();
    for (int i = 0; i < kBurst; ++i) ILK_CHECK(ledger->AppendAsync(entry).has_value());
    bursts.push_back(MicrosecondsSince(before) * 1000 / kBurst);
    ILK_CHECK(ledger->Flush().has_value());
  }
  std::sort(bursts.begin(), bursts.end());
  return bursts[bursts.size() / 2];
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Row {
  std::string name;
  std::vector<Measured> rounds;
  double MedianOf(double Measured::* field) const {
    std::vector<double> values;
    for (const Measured& m : rounds) values.push_back(m.*field);
    return Median(std::move(values));
  }
};

double MedianRatio(const Row& a, const Row& b, double Measured::* field) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.rounds.size(); ++i) {
    ratios.push_back(a.rounds[i].*field / b.rounds[i].*field);
  }
  return Median(std::move(ratios));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: ledger_bench DIR [SECONDS] [ROUNDS]\n");
    return 2;
  }
  const std::string dir = std::string(argv[1]) + "/ledger_bench." + std::to_string(::getpid());
  const double seconds = argc > 2 ? std::atof(argv[2]) : 1.0;
  const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 5;
  std::filesystem::create_directories(dir);

  Row sync{"fdatasync", {}}, group1{"prealloc 1", {}}, group64{"prealloc 64", {}};
  Row ledger1{"ledger 1", {}}, ledger64{"ledger 64", {}};
  std::vector<double> async_ns;
  for (int round = 0; round < rounds; ++round) {
    sync.rounds.push_back(MeasureSync(dir, seconds));
    group1.rounds.push_back(MeasureGroupCommit(dir, 1, seconds));
    ledger1.rounds.push_back(MeasureLedger(dir, 1, seconds));
    group64.rounds.push_back(MeasureGroupCommit(dir, 64, seconds));
    ledger64.rounds.push_back(MeasureLedger(dir, 64, seconds));
    async_ns.push_back(MeasureAsync(dir, seconds));
  }
  std::filesystem::remove_all(dir);

  std::printf("%-12s %10s %9s %9s %9s   (%zu bytes an entry, medians of %d rounds)\n", "", "per s",
              "p50 us", "p99 us", "cpu us", kEntryBytes, rounds);
  for (const Row* row : {&sync, &group1, &ledger1, &group64, &ledger64}) {
    std::printf("%-12s %10.0f %9.0f %9.0f %9.1f\n", row->name.c_str(),
                row->MedianOf(&Measured::per_second), row->MedianOf(&Measured::p50_us),
                row->MedianOf(&Measured::p99_us), row->MedianOf(&Measured::cpu_us));
  }
  std::printf("async        %10s %9.3f\n\n", "", Median(async_ns) / 1000);
  std::printf("ledger 1 / prealloc 1, rate       %.2f   (bar: >= 0.9)\n",
              MedianRatio(ledger1, group1, &Measured::per_second));
  std::printf("ledger 64, entries/s              %.0f   (bar: >= 60000)\n",
              ledger64.MedianOf(&Measured::per_second));
  std::printf("ledger 64 / prealloc 64, rate     %.2f\n",
              MedianRatio(ledger64, group64, &Measured::per_second));
  std::printf("signed intent / one fdatasync, p50 %.2f\n",
              MedianRatio(ledger1, sync, &Measured::p50_us));
  std::printf("async, caller us                  %.3f   (bar: <= 0.5)\n", Median(async_ns) / 1000);
  return 0;
}
