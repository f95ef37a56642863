// How a provider mints a credential that can do less than the one it is asked with: a pack's data,
// as plain values.
//
// Templates name values as "${name}": the terms a human gave, and `name` (what the token is called
// at the provider), `id` (of a token that was found), `account` and the like as a pack defines
// them. In a path a value is percent-encoded; a JSON string that is a template alone becomes the
// value in the term's own form.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace interlock {

struct MintTerm {
  enum class Form { text, number, list, json };  // a list is separated by commas
  std::string name;
  std::string what;  // for a human
  Form form = Form::text;
  bool optional = false;  // left out of JSON and forms where nobody gave it
  std::string otherwise;  // the value where nobody gave one
};

struct MintCall {
  std::string method;
  std::string path;
  json::value body;  // null: none
  std::vector<std::pair<std::string, std::string>> form;
  bool with_token = false;  // asked with the minted token itself
};

// How the wider credential stands in a call.
enum class MintProof {
  place,  // where the pack says credentials of its kind stand
  jwt,    // it is an RSA key, and signs a JWT that stands in `authorization: Bearer`
  sigv4,  // it signs the request as AWS has it
};

struct MintRule {
  std::string kind;  // of what is minted
  std::string with;  // of what it is asked with
  std::string host;  // a template; "": the API's own
  MintProof proof = MintProof::place;
  std::string issuer;  // of the JWT, a template
  std::vector<MintTerm> terms;
  MintCall ask;
  bool xml = false;                // the answer to `ask`
  std::vector<std::string> token;  // "data.token"; several are joined by ':'. Of XML: elements
  std::string expires;             // "": it lives until it is revoked
  // How it is taken back; `find` first, where the provider revokes by id and minting tells none.
  std::optional<MintCall> find;
  std::string find_list;  // the list in its answer
  std::string find_name;  // in an item: the token's name
  std::string find_id;
  std::optional<MintCall> revoke;
};

}  // namespace interlock
