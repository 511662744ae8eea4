# HARNESS_SOURCES and HARNESS_DEFINITIONS of who asks the firmware.

if(SQTVM_HARNESS STREQUAL "sqtvm")
  set(HARNESS_SOURCES src/main.c src/protocol.c src/requests.c src/frame.c)
  set(HARNESS_DEFINITIONS "")
elseif(SQTVM_HARNESS STREQUAL "mlperf-tiny")
  # What the files of each benchmark hold: the network's own values, or real numbers.
  if(SQTVM_MLPERF_MODEL MATCHES "^(ic|vww)")
    set(MLPERF_INPUT MLPERF_UINT8)
  elseif(SQTVM_MLPERF_MODEL MATCHES "^(kws|strww)")
    set(MLPERF_INPUT MLPERF_INT8)
  elseif(SQTVM_MLPERF_MODEL MATCHES "^ad")
    set(MLPERF_INPUT MLPERF_FLOAT32)
  else()
    message(FATAL_ERROR "SQTVM_MLPERF_MODEL is ic01, vww01, kws01 or ad01, not '${SQTVM_MLPERF_MODEL}'")
  endif()
  set(HARNESS_SOURCES src/main_mlperf_tiny.c src/mlperf_tiny.c src/mlperf_input.c
    src/mlperf_text.c)
  set(HARNESS_DEFINITIONS
    MLPERF_MODEL="${SQTVM_MLPERF_MODEL}"
    MLPERF_INPUT=${MLPERF_INPUT}
  )
  if(SQTVM_MLPERF_MODE STREQUAL "energy")
    list(APPEND HARNESS_SOURCES src/mlperf_edge.c)
    # The baud rate that the runners' interface board speaks.
    list(APPEND HARNESS_DEFINITIONS MLPERF_ENERGY=1 BOARD_UART_BAUD=9600u)
  elseif(SQTVM_MLPERF_MODE STREQUAL "performance")
    list(APPEND HARNESS_DEFINITIONS MLPERF_ENERGY=0)
  else()
    message(FATAL_ERROR "SQTVM_MLPERF_MODE is performance or energy, not '${SQTVM_MLPERF_MODE}'")
  endif()
else()
  message(FATAL_ERROR "SQTVM_HARNESS is sqtvm or mlperf-tiny, not '${SQTVM_HARNESS}'")
endif()
