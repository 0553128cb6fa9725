# tr_embed(TARGET target NAME symbol ROOT dir FILES file...)
#
# Puts files into the binary as `const tightrope::EmbeddedFile symbol[]` with their paths relative
# to ROOT, in name order, so that the same tree always gives the same bytes.
function(tr_embed)
  cmake_parse_arguments(EMBED "" "TARGET;NAME;ROOT" "FILES" ${ARGN})
  set(output ${PROJECT_BINARY_DIR}/embedded/${EMBED_NAME}.cpp)
  list(SORT EMBED_FILES)
  string(REPLACE ";" "\n" listing "${EMBED_FILES}")
  file(GENERATE OUTPUT ${output}.list CONTENT "${listing}\n")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DNAME=${EMBED_NAME} -DROOT=${EMBED_ROOT}
            -DLIST=${output}.list -P ${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake
    DEPENDS ${EMBED_FILES} ${output}.list ${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake
    VERBATIM)
  target_sources(${EMBED_TARGET} PRIVATE ${output})
endfunction()
