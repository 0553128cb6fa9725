# tr_room(NAME [USES room...] [LINKS target...] [TEST_LINKS target...])
#
# A room is one folder under tightrope/: a static library of its *.cpp, a test program of its
# *_test.cpp, and the rooms below that it may use. Naming a room that does not stand yet (is not
# below), or including a header of a room that is not named, stops the configuration.
function(tr_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LINKS;TEST_LINKS" ${ARGN})
  foreach(used IN LISTS ROOM_USES)
    if(NOT TARGET tr_${used})
      message(FATAL_ERROR "room '${name}' uses '${used}', which is not below it")
    endif()
  endforeach()

  set(folder ${PROJECT_SOURCE_DIR}/tightrope/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${folder}/*.h)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  tr_check_includes(${name} "${ROOM_USES}" "${sources};${headers};${tests}")

  if(NOT sources)
    add_library(tr_${name} INTERFACE)
    target_include_directories(tr_${name} INTERFACE ${PROJECT_SOURCE_DIR})
    foreach(used IN LISTS ROOM_USES)
      target_link_libraries(tr_${name} INTERFACE tr_${used})
    endforeach()
  else()
    add_library(tr_${name} STATIC ${sources})
    target_include_directories(tr_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(tr_${name} PUBLIC tr_options ${ROOM_LINKS})
    foreach(used IN LISTS ROOM_USES)
      target_link_libraries(tr_${name} PUBLIC tr_${used})
    endforeach()
  endif()
  set_property(GLOBAL APPEND PROPERTY TR_ROOMS "${name}")
  set_property(GLOBAL PROPERTY TR_ROOM_USES_${name} "${ROOM_USES}")

  if(tests AND TIGHTROPE_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE tr_${name} GTest::gtest_main rapidcheck
                          rapidcheck_gtest ${ROOM_TEST_LINKS})
    target_compile_definitions(${name}_test PRIVATE
                               TIGHTROPE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    # A fixed seed: a run in ctest can be repeated; run the program itself to try other cases.
    gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60
                         PROPERTIES LABELS ${name} ENVIRONMENT "RC_PARAMS=seed=20261122")
  endif()
endfunction()

# Every `#include "tightrope/<room>/..."` must name the room itself or one it declares.
function(tr_check_includes name uses files)
  list(REMOVE_ITEM files "")
  foreach(file IN LISTS files)
    file(STRINGS ${file} lines REGEX "^#include \"tightrope/[a-z_]+/")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^#include \"tightrope/([a-z_]+)/.*" "\\1" room "${line}")
      if(NOT room STREQUAL name AND NOT room IN_LIST uses)
        message(FATAL_ERROR "${file} includes room '${room}', "
                            "which room '${name}' does not declare in USES")
      endif()
    endforeach()
    set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
endfunction()

# Writes build/<preset>/rooms.txt (`room: used used`) for the tidy test.
function(tr_write_rooms)
  get_property(rooms GLOBAL PROPERTY TR_ROOMS)
  set(text "")
  foreach(room IN LISTS rooms)
    get_property(uses GLOBAL PROPERTY TR_ROOM_USES_${room})
    string(REPLACE ";" " " uses "${uses}")
    string(APPEND text "${room}: ${uses}\n")
  endforeach()
  file(WRITE ${PROJECT_BINARY_DIR}/rooms.txt "${text}")
endfunction()
