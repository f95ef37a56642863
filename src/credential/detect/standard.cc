// The compiled databases of the first pass lie in the program's read-only data.
#include "credential/detect/standard.h"

#include <array>
#include <string_view>

// ILK_RULES_DIR is where compile_rules wrote them.
#define ILK_EMBED(name)                                                 \
  asm(".section .rodata\n.balign 64\n.global ilk_" #name "\nilk_" #name \
      ":\n"                                                             \
      ".incbin \"" ILK_RULES_DIR "/" #name ".hs\"\n.global ilk_" #name  \
      "_end\n"                                                          \
      "ilk_" #name "_end:\n.byte 0\n.previous\n");                      \
  extern "C" const char ilk_##name[];                                   \
  extern "C" const char ilk_##name##_end[];

ILK_EMBED(formats_any)
ILK_EMBED(formats_avx2)
ILK_EMBED(everything_any)
ILK_EMBED(everything_avx2)

namespace interlock::credential {
namespace {

std::string_view Between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

const Detector& StandardDetector() {
  static const std::unique_ptr<const Detector> standard = [] {
    // The wider one first: a processor without AVX2 refuses it.
    const std::array<std::string_view, 2> formats = {
        Between(ilk_formats_avx2, ilk_formats_avx2_end),
        Between(ilk_formats_any, ilk_formats_any_end)};
    const std::array<std::string_view, 2> everything = {
        Between(ilk_everything_avx2, ilk_everything_avx2_end),
        Between(ilk_everything_any, ilk_everything_any_end)};
    auto detector = Detector::Open(StandardRules(), formats, everything);
    ILK_CHECK(detector);
    return std::move(*detector);
  }();
  return *standard;
}

}  // namespace interlock::credential
