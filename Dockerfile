# docker build -t sqtvm . && docker run --rm -v "$PWD:/work" sqtvm deploy ...
FROM debian:12

# pip reads this by itself: where to find another build of torch, if one is wanted.
ARG PIP_EXTRA_INDEX_URL=

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm cmake ninja-build gcc libc6-dev \
      gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc \
      python3 python3-venv dataset-fashion-mnist \
 && rm -rf /var/lib/apt/lists/*

COPY . /opt/sqtvm-source
RUN python3 -m venv /opt/sqtvm \
 && /opt/sqtvm/bin/pip install --no-cache-dir -c /opt/sqtvm-source/constraints.txt \
      /opt/sqtvm-source \
 && rm -rf /opt/sqtvm-source

ENV PATH=/opt/sqtvm/bin:$PATH
WORKDIR /work
ENTRYPOINT ["sqtvm"]
CMD ["--help"]
