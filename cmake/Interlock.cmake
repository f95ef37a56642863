# The few functions every folder's CMakeLists.txt uses.

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
# Static: docs/decisions/0009-static-cxx-libraries.md
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_library(ILK_YAML_CPP NAMES libyaml-cpp.a yaml-cpp REQUIRED)

add_library(ilk_flags INTERFACE)
target_include_directories(ilk_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(ilk_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wswitch -Wnon-virtual-dtor -fno-omit-frame-pointer
  # Members that a designated initialiser leaves out have defaults.
  -Wno-missing-field-initializers
  $<$<BOOL:${ILK_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports maybe-uninitialized inside its own std::variant and std::expected at -O2.
  target_compile_options(ilk_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()
target_link_libraries(ilk_flags INTERFACE Threads::Threads)

set(ILK_STANDARD_HEADERS <algorithm> <array> <chrono> <expected> <filesystem> <functional> <map> <memory> <mutex>
  <optional> <set> <span> <string> <string_view> <variant> <vector>)

# ilk_library(NAME SOURCES... [DEPS folders...] [LIBS link libraries...])
function(ilk_library name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_library(ilk_${name} STATIC ${A_SOURCES})
  target_link_libraries(ilk_${name} PUBLIC ilk_flags)
  foreach(dep ${A_DEPS})
    target_link_libraries(ilk_${name} PUBLIC ilk_${dep})
  endforeach()
  target_link_libraries(ilk_${name} PUBLIC ${A_LIBS})
  # Boost.JSON and the standard library are most of what a small translation unit costs.
  list(LENGTH A_SOURCES count)
  if(name STREQUAL "base")
    target_precompile_headers(ilk_base PRIVATE <boost/json/value.hpp> ${ILK_STANDARD_HEADERS})
  elseif(count GREATER 3 AND TARGET ilk_base AND NOT name STREQUAL "gateway")
    target_precompile_headers(ilk_${name} REUSE_FROM ilk_base)
  endif()
endfunction()

# ilk_test(NAME SOURCES... [DEPS folders...] [LIBS ...] [LABELS ...]): one GoogleTest program; every
# TEST is its own CTest entry. ILK_SHARED_DIR is where the labelled corpus and published vectors lie
# (outside the project); a test that does not find it skips and says so.
function(ilk_test name)
  if(NOT ILK_TESTS)
    return()
  endif()
  cmake_parse_arguments(A "" "" "SOURCES;DEPS;LIBS;LABELS" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ilk_flags GTest::gtest GTest::gtest_main)
  foreach(dep ${A_DEPS})
    target_link_libraries(${name} PRIVATE ilk_${dep})
  endforeach()
  target_link_libraries(${name} PRIVATE ${A_LIBS})
  list(LENGTH A_SOURCES count)
  if(count GREATER 2)
    target_precompile_headers(${name} PRIVATE <gtest/gtest.h> <boost/json/value.hpp> ${ILK_STANDARD_HEADERS})
  endif()
  # Tests are compiled more often than their own code's speed matters; sanitizers keep their level.
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${name} PRIVATE -O0)
  endif()
  target_compile_definitions(${name} PRIVATE
    ILK_SOURCE_DIR="${CMAKE_SOURCE_DIR}" ILK_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
  gtest_discover_tests(${name} TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300 LABELS "${A_LABELS}")
endfunction()

# ilk_fuzz(NAME SOURCE CORPUS_DIR [DEPS ...] [LIBS ...]): a libFuzzer target when ILK_FUZZ is on; always
# a replay of the corpus as an ordinary test.
function(ilk_fuzz name source corpus)
  cmake_parse_arguments(A "" "" "DEPS;LIBS" ${ARGN})
  if(ILK_FUZZ)
    add_executable(${name} ${source})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  elseif(ILK_TESTS)
    add_executable(${name} ${source} ${CMAKE_SOURCE_DIR}/fuzz/replay_main.cc)
    add_test(NAME fuzz_replay.${name} COMMAND ${name} ${corpus})
  else()
    return()
  endif()
  target_link_libraries(${name} PRIVATE ilk_flags)
  foreach(dep ${A_DEPS})
    target_link_libraries(${name} PRIVATE ilk_${dep})
  endforeach()
  target_link_libraries(${name} PRIVATE ${A_LIBS})
endfunction()

# ilk_bench(NAME SOURCES... [DEPS ...]): a Google Benchmark program, built with -DILK_BENCH=ON.
function(ilk_bench name)
  if(NOT ILK_BENCH)
    return()
  endif()
  cmake_parse_arguments(A "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  find_package(benchmark REQUIRED)
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE ilk_flags benchmark::benchmark benchmark::benchmark_main)
  foreach(dep ${A_DEPS})
    target_link_libraries(${name} PRIVATE ilk_${dep})
  endforeach()
  target_link_libraries(${name} PRIVATE ${A_LIBS})
endfunction()
