// A secret value: it can't be printed, compared or copied, and its memory is zeroed when it goes.
#pragma once

#include <string.h>
#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace interlock {

// Lies on pages of its own: locking is by page and doesn't nest, so two secrets that shared one
// would unlock each other, and a page that holds nothing else can be kept out of core dumps.
class Secret {
 public:
  // Takes the bytes over and wipes the string it was given.
  explicit Secret(std::string&& value) : size_(value.size()) {
    void* pages =
        mmap(nullptr, size_ + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<char*>(pages);
    (void)madvise(data_, size_ + 1, MADV_DONTDUMP);
    // Best effort: an unprivileged process has a small quota of locked memory.
    (void)mlock(data_, size_ + 1);
    memcpy(data_, value.data(), size_);
    explicit_bzero(value.data(), value.size());
    value.clear();
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept
      : size_(std::exchange(other.size_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Wipe();
      size_ = std::exchange(other.size_, 0);
      data_ = std::exchange(other.data_, nullptr);
    }
    return *this;
  }
  ~Secret() { Wipe(); }

  // The one way in; grep for it to audit every use.
  std::string_view Reveal() const { return {data_, size_}; }
  std::size_t size() const { return size_; }

 private:
  void Wipe() {
    if (data_ == nullptr) return;
    explicit_bzero(data_, size_ + 1);
    (void)munmap(data_, size_ + 1);
    data_ = nullptr;
  }
  std::size_t size_;
  char* data_ = nullptr;
};

}  // namespace interlock
