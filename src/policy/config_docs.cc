// The JSON Schema and the documentation of interlock.yaml, from the reader's table.
#include <algorithm>

#include "policy/config.h"
#include "policy/config_table.h"
#include "policy/standard.h"

namespace interlock::policy {
namespace {

json::object SchemaOf(const Table& table);

json::array Enumerate(std::span<const std::string_view> choices) {
  json::array out;
  for (std::string_view choice : choices) out.emplace_back(choice);
  return out;
}

json::object OneOrMany(json::object one) {
  json::object many = {{"type", "array"}, {"items", one}, {"minItems", 1}, {"uniqueItems", true}};
  return {{"oneOf", json::array{std::move(one), std::move(many)}}};
}

json::object TextSchema(std::string_view pattern = {}) {
  json::object out = {{"type", "string"}, {"minLength", 1}, {"maxLength", 512}};
  if (!pattern.empty()) out["pattern"] = pattern;
  return out;
}

json::object NameSchema() {
  json::object out = TextSchema("^[A-Za-z0-9._-]+$");
  out["maxLength"] = 64;
  return out;
}

json::object NamedSchema(const Field& field) {
  json::object value = field.table == nullptr ? NameSchema() : SchemaOf(*field.table);
  return {{"type", "object"}, {"additionalProperties", std::move(value)}};
}

json::object ValueSchema(const Field& field) {
  switch (field.kind) {
    case Kind::text:
    case Kind::path:
      return TextSchema();
    case Kind::name:
      return NameSchema();
    case Kind::address:
      return TextSchema("^.+:[0-9]{1,5}$");
    case Kind::integer:
      return {{"type", "integer"}, {"minimum", field.min}, {"maximum", field.max}};
    case Kind::boolean:
      return {{"type", "boolean"}};
    case Kind::size:
      return TextSchema("^[0-9]+(B|KiB|MiB|GiB)$");
    case Kind::duration:
      return TextSchema("^[0-9]+(ms|s|m|h|d)$");
    case Kind::choice:
      return {{"enum", Enumerate(field.choices)}};
    case Kind::choices:
      return OneOrMany({{"enum", Enumerate(field.choices)}});
    case Kind::texts:
      return OneOrMany(TextSchema());
    case Kind::mapping:
      return SchemaOf(*field.table);
    case Kind::named:
      return NamedSchema(field);
    case Kind::list:
      return {{"type", "array"}, {"items", SchemaOf(*field.table)}};
  }
  return {};
}

// Depth is the table's.
json::object SchemaOf(const Table& table) {
  json::object properties;
  json::array required;
  for (const Field& field : table.fields) {
    json::object value = ValueSchema(field);
    value["description"] = field.about;
    properties[field.key] = std::move(value);
    if (field.required) required.emplace_back(field.key);
  }
  json::object out = {
      {"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

// Two spaces a level; scalars as RFC 8785 writes them.
void Pretty(const json::value& value, const std::string& indent, std::string& out) {
  const std::string inner = indent + "  ";
  auto separate = [&, first = true]() mutable {
    out += first ? "\n" : ",\n";
    out += inner;
    first = false;
  };
  if (value.is_object() && !value.get_object().empty()) {
    out += "{";
    for (const auto& [key, item] : value.get_object()) {
      separate();
      out += Canonical(json::value(key)) + ": ";
      Pretty(item, inner, out);
    }
    out += "\n" + indent + "}";
  } else if (value.is_array() && !value.get_array().empty()) {
    out += "[";
    for (const json::value& item : value.get_array()) {
      separate();
      Pretty(item, inner, out);
    }
    out += "\n" + indent + "]";
  } else {
    out += Canonical(value);
  }
}

std::string KindWords(const Field& field) {
  const auto choices = [&field] {
    std::string out;
    for (std::string_view choice : field.choices) {
      if (!out.empty()) out += ", ";
      out += "`" + std::string(choice) + "`";
    }
    return out;
  };
  switch (field.kind) {
    case Kind::text:
      return "text";
    case Kind::name:
      return "name";
    case Kind::path:
      return "file";
    case Kind::address:
      return "HOST:PORT";
    case Kind::integer:
      if (field.min == field.max) return "`" + std::to_string(field.min) + "`";
      return std::to_string(field.min) + " to " + std::to_string(field.max);
    case Kind::boolean:
      return "`true` or `false`";
    case Kind::size:
      return "size";
    case Kind::duration:
      return "duration";
    case Kind::choice:
      return choices();
    case Kind::choices:
      return "any of " + choices();
    case Kind::texts:
      return "text or list";
    case Kind::mapping:
      return "mapping";
    case Kind::named:
      return field.table == nullptr ? "mapping of names" : "mapping by name";
    case Kind::list:
      return "list";
  }
  return "";
}

void DescribeTable(const Table& table, std::string& out) {
  if (&table != &ConfigTable())
    out += "\n## `" + std::string(table.title) + "`\n\n" + std::string(table.about) + "\n";
  out += "\n| key | value | standard | meaning |\n| --- | --- | --- | --- |\n";
  for (const Field& field : table.fields) {
    const std::string standard = field.required           ? "required"
                                 : field.standard.empty() ? ""
                                                          : "`" + std::string(field.standard) + "`";
    out += "| `" + std::string(field.key) + "` | " + KindWords(field) + " | " + standard + " | " +
           std::string(field.about) + " |\n";
  }
  for (const Field& field : table.fields) {
    if (field.table != nullptr) DescribeTable(*field.table, out);
  }
}

constexpr std::string_view kIntroduction = R"(# Configuration

Interlock reads `/etc/interlock/interlock.yaml`, then `$XDG_CONFIG_HOME/interlock/interlock.yaml`;
`--config FILE` takes the place of both. With no file at all the standard values hold. They are
strict; loosening them is explicit, shows in `interlock status`, and is in the ledger.

A file with a mistake is not used at all. `interlock policy check` names every mistake with its line
and column.

## How files are put together

A later file's value replaces an earlier one's, key by key; a list is replaced as a whole. `rules`
are the exception: the rules of all files count, and the strictest that matches wins, so no file can
take back what another one holds or denies. The standard rules hold only while no file has the key
`rules`; `rules: []` therefore holds everything.

A file `interlock.yaml` in the workspace may hold `version` and `rules` with `then: hold` or
`then: deny`, and nothing else.

## How values are written

Sizes: a number and `B`, `KiB`, `MiB` or `GiB`. Durations: a number and `ms`, `s`, `m`, `h` or `d`.
Files are relative to the file that names them. Where a list is expected, one entry may stand alone.
Anchors, aliases, tags, merge keys, a key given twice and a second document are mistakes; a file is at
most 1 MiB of UTF-8.

## What no rule can change

- An action that no rule covers is held.
- An action whose effect is `unknown` is allowed only by a rule that names its operation in full.
- A request with a credential that Interlock did not issue is denied.
- A lent credential is not used beyond what it was lent for without a question.
- What could not be resolved counts as `production`, and is never disposable.

## The standard values

```yaml
)";

}  // namespace

std::string ConfigSchemaJson() {
  json::object schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                         {"title", "interlock.yaml"}};
  for (auto& [key, value] : SchemaOf(ConfigTable())) schema[key] = std::move(value);
  std::string out;
  Pretty(schema, "", out);
  return out + "\n";
}

std::string ConfigMarkdown() {
  std::string out(kIntroduction);
  out += kStandardConfig;
  out += "```\n\n## The keys\n";
  DescribeTable(ConfigTable(), out);
  return out;
}

}  // namespace interlock::policy
