// A secret value: it can't be printed, compared or copied, and its memory is zeroed when it goes.
#pragma once

#include <string.h>
#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace interlock {

class Secret {
 public:
  // Takes the bytes over and wipes the string it was given.
  explicit Secret(std::string&& value) : size_(value.size()), data_(new char[value.size() + 1]) {
    memcpy(data_.get(), value.data(), size_);
    data_[size_] = '\0';
    // Best effort: an unprivileged process has a small quota of locked memory.
    (void)mlock(data_.get(), size_ + 1);
    explicit_bzero(value.data(), value.size());
    value.clear();
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : size_(other.size_), data_(std::move(other.data_)) {
    other.size_ = 0;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      Wipe();
      size_ = other.size_;
      data_ = std::move(other.data_);
      other.size_ = 0;
    }
    return *this;
  }
  ~Secret() { Wipe(); }

  // The one way in; grep for it to audit every use.
  std::string_view Reveal() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }

 private:
  void Wipe() {
    if (!data_) return;
    explicit_bzero(data_.get(), size_ + 1);
    (void)munlock(data_.get(), size_ + 1);
    data_.reset();
  }
  std::size_t size_;
  std::unique_ptr<char[]> data_;
};

}  // namespace interlock
