// How the parts of a world are called in front of humans. Private to this folder.
//
// Names were chosen by others: they are escaped here, once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "scope/world.h"

namespace interlock::scope {

std::string Shown(std::string_view name);   // escaped
std::string Quoted(std::string_view name);  // escaped, in quotes

// "production, staging and pr-17"
std::string JoinWords(const std::vector<std::string>& words);

// "812 MB", "4.1 GB": decimal, as the provider counts.
std::string SizeWords(double megabytes);

// What is measured stands at the end of a line, after this mark: "volume "x" in staging · 4.1 GB".
std::string WithSize(std::string line, double megabytes);
// The line without such a measure.
std::string_view WithoutSize(std::string_view line);

// "volume "pg-data" in production (service postgres)"
std::string InstanceWords(const World& world, const VolumeInstance& instance);

// "1 backup", "7 backups"
std::string CountWords(std::size_t count, std::string_view noun);

}  // namespace interlock::scope
