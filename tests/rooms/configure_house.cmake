# cmake -DHOUSE= -DROOT= -DSCRATCH= -DGENERATOR= -P configure_house.cmake
#
# Builds a house of two rooms in SCRATCH, configures it with cmake/rooms.cmake, and compares the
# outcome: the sound one configures, the others stop with the message that names the culprit.
file(REMOVE_RECURSE ${SCRATCH})
set(lower "#pragma once\n")
set(upper "#pragma once\n#include \"tightrope/lower/a.h\"\n")
set(rooms "tr_room(lower)\ntr_room(upper USES lower)\n")
set(expected "")
if(HOUSE STREQUAL "points_up")
  set(lower "#pragma once\n#include \"tightrope/upper/b.h\"\n")
  set(expected "lower/a\\.h includes room 'upper', which room 'lower' does not declare in USES")
elseif(HOUSE STREQUAL "undeclared_room")
  set(rooms "tr_room(lower USES upper)\ntr_room(upper)\n")
  set(expected "room 'lower' uses 'upper', which is not below it")
endif()
file(WRITE ${SCRATCH}/tightrope/lower/a.h "${lower}")
file(WRITE ${SCRATCH}/tightrope/upper/b.h "${upper}")
file(WRITE ${SCRATCH}/CMakeLists.txt
     "cmake_minimum_required(VERSION 3.25)\nproject(house LANGUAGES NONE)\n"
     "include(${ROOT}/cmake/rooms.cmake)\n${rooms}tr_write_rooms()\n")

execute_process(COMMAND ${CMAKE_COMMAND} -G ${GENERATOR} -S ${SCRATCH} -B ${SCRATCH}/build
                RESULT_VARIABLE code ERROR_VARIABLE text OUTPUT_QUIET)
string(REGEX REPLACE "[ \n]+" " " text "${text}")  # CMake wraps its messages
if(expected STREQUAL "")
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "the sound house does not configure:\n${text}")
  endif()
  file(READ ${SCRATCH}/build/rooms.txt rooms)
  if(NOT rooms STREQUAL "lower: \nupper: lower\n")
    message(FATAL_ERROR "rooms.txt says:\n${rooms}")
  endif()
elseif(code EQUAL 0)
  message(FATAL_ERROR "house '${HOUSE}' configures, but must not")
elseif(NOT text MATCHES "${expected}")
  message(FATAL_ERROR "house '${HOUSE}' stops for another reason than /${expected}/:\n${text}")
endif()
