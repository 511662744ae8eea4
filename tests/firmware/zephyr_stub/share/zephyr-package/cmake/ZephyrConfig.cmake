# What find_package(Zephyr) brings: a toolchain, the target app, and functions for libraries.

get_filename_component(STUB ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
project(Zephyr-Stub LANGUAGES C ASM)

set(CONFIG_CPU_CORTEX_M y)
set(CONFIG_SQTVM_PROFILE y)
set(CORE -mcpu=cortex-m3 -mthumb)
# As Zephyr does it: freestanding unless told otherwise, optimized for size.
add_compile_options(${CORE} -g -Os -ffreestanding -ffunction-sections -fdata-sections)
add_compile_options($<$<COMPILE_LANGUAGE:C>:-std=c11>)
add_compile_definitions(CONFIG_CPU_CORTEX_M=1 ${STUB_DEFINITIONS})
include_directories(${STUB}/include)

add_library(app STATIC)
target_compile_options(app PRIVATE
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Werror -Wconversion>)

macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC)
endmacro()
macro(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_include_directories)
  target_include_directories(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_compile_definitions)
  target_compile_definitions(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()

add_executable(zephyr.elf ${STUB}/kernel.c)
target_link_libraries(zephyr.elf PRIVATE -Wl,--whole-archive app -Wl,--no-whole-archive network)
target_link_options(zephyr.elf PRIVATE
  ${CORE} -nostartfiles --specs=nano.specs -T ${STUB}/link.ld -Wl,--gc-sections)
set(Zephyr_FOUND TRUE)
