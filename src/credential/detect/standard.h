// The rules this program was built with, compiled with it.
#pragma once

#include "credential/detect/detector.h"

namespace interlock::credential {

std::span<const Rule> StandardRules();

// Opened at its first use, which costs a copy of the databases; from then on any thread may use it.
const Detector& StandardDetector();

}  // namespace interlock::credential
