// What is said to a client that speaks neither TLS nor HTTP: the reason, in its own protocol, so
// that its tool shows it instead of waiting or calling it a broken connection. Pure.
#pragma once

#include <string>
#include <string_view>

namespace interlock::gateway {

// Where `in`, a client's first bytes, leads.
struct FirstWords {
  enum class Kind {
    other,       // HTTP, or nothing that is known: for the HTTP codec to take or refuse
    more,        // a known protocol may have begun; ask again with more bytes
    encryption,  // PostgreSQL asks for TLS or GSSAPI first: say "N", skip `consumed` bytes, ask
                 // again
    refused,     // say `refusal` and close
  };
  Kind kind = Kind::other;
  std::size_t consumed = 0;
  std::string refusal = {};
};
FirstWords OnFirstWords(std::string_view in, std::string_view host, unsigned port);

// True for ports on which clients wait for the server to speak first.
bool ServerSpeaksFirst(unsigned port);
// What such a client, or one that says nothing at all, is told.
std::string RefusalToSilence(std::string_view host, unsigned port);

}  // namespace interlock::gateway
