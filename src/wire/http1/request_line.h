// The first line of a request. Private to http1/.
#pragma once

#include <optional>
#include <string_view>

#include "wire/http1/authority.h"
#include "wire/http1/message.h"

namespace interlock::http1 {

using Refusal = std::optional<Malformed>;

// Method, target and version into `head`. `line` has no CRLF.
Refusal ParseRequestLine(std::string_view line, const Limits& limits, RequestHead& head);

// Form, scheme and path offset out of `head.target`; `authority` stays empty for the forms that
// name no host.
Refusal ParseTarget(RequestHead& head, std::optional<Authority>& authority);

}  // namespace interlock::http1
