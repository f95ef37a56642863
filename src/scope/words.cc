#include "scope/words.h"

#include <cstdio>

#include "base/bytes.h"

namespace interlock::scope {
namespace {

constexpr std::size_t kNameBytesShown = 200;
constexpr std::string_view kSizeMark = " · ";

}  // namespace

std::string Shown(std::string_view name) { return EscapeForHumans(name, kNameBytesShown); }

std::string Quoted(std::string_view name) { return "\"" + Shown(name) + "\""; }

std::string JoinWords(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " and " : ", ";
    out += words[i];
  }
  return out;
}

std::string SizeWords(double megabytes) {
  char text[64];
  if (megabytes < 1000) {
    std::snprintf(text, sizeof text, "%.0f MB", megabytes);
  } else if (megabytes < 1'000'000) {
    std::snprintf(text, sizeof text, "%.1f GB", megabytes / 1000);
  } else {
    std::snprintf(text, sizeof text, "%.1f TB", megabytes / 1'000'000);
  }
  return text;
}

std::string WithSize(std::string line, double megabytes) {
  return std::move(line) + std::string(kSizeMark) + SizeWords(megabytes);
}

std::string_view WithoutSize(std::string_view line) {
  const std::size_t mark = line.rfind(kSizeMark);
  if (mark == std::string_view::npos) return line;
  const std::string_view tail = line.substr(mark + kSizeMark.size());
  const std::size_t digits = tail.find_first_not_of("0123456789.");
  const std::string_view unit = digits == std::string_view::npos ? "" : tail.substr(digits);
  const bool is_size = digits > 0 && (unit == " MB" || unit == " GB" || unit == " TB");
  return is_size ? line.substr(0, mark) : line;
}

std::string InstanceWords(const World& world, const VolumeInstance& instance) {
  const Volume* volume = world.FindVolume(instance.volume);
  const Environment* environment = world.FindEnvironment(instance.environment);
  std::string out = "volume " + Quoted(volume == nullptr ? instance.volume : volume->name) +
                    " in " +
                    Shown(environment == nullptr ? instance.environment : environment->name);
  if (instance.service.empty()) return out + " (attached to no service)";
  const Service* service = world.FindService(instance.service);
  return out + " (service " + Shown(service == nullptr ? instance.service : service->name) + ")";
}

std::string CountWords(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace interlock::scope
