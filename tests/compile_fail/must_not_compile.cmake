# cmake -DCOMPILER= -DSOURCE= -DROOT= -P must_not_compile.cmake
#
# A case compiles as it stands (so its includes and names are right) and fails with -DWRONG, with a
# message that matches the regular expression on its first line: `// error: <regex>`.
set(ENV{LC_ALL} C)  # plain quotes in messages
set(flags -std=c++23 -fsyntax-only -Werror=unused-result -I${ROOT})
file(STRINGS ${SOURCE} first LIMIT_COUNT 1)
if(NOT first MATCHES "^// error: (.+)$")
  message(FATAL_ERROR "${SOURCE}:1: a case starts with `// error: <regex>`")
endif()
set(expected "${CMAKE_MATCH_1}")

execute_process(COMMAND ${COMPILER} ${flags} ${SOURCE} RESULT_VARIABLE code ERROR_VARIABLE text)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "the sound half does not compile:\n${text}")
endif()
execute_process(COMMAND ${COMPILER} ${flags} -DWRONG ${SOURCE} RESULT_VARIABLE code
                ERROR_VARIABLE text)
if(code EQUAL 0)
  message(FATAL_ERROR "compiles, but must not")
endif()
if(NOT text MATCHES "${expected}")
  message(FATAL_ERROR "fails for another reason than /${expected}/:\n${text}")
endif()
