# The image of Sidecache, compiled: wheels of the lock file on a slim base, no compiler, no pip, no
# root.
#
#   docker build -t sidecache .
#   docker run --read-only -p 8080:8080 -e SIDECACHE_UPSTREAM__URL=http://api:8000 sidecache
#
# BASE is any image with Python >= 3.11 as `python3` and its `venv`, the same for both stages. With
# COMPILED=false the proxy stays as it is, which needs neither Debian nor a compiler, and is slower.
ARG BASE=python:3.14-slim

FROM ${BASE} AS build
ARG COMPILED=true
# Debian's own Python has its headers in a package, any other Python beside it.
# hadolint ignore=DL3008
RUN test "$COMPILED" != true || { apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
      "$(test -e /usr/bin/python3 && echo python3-dev || echo gcc)" \
 && rm -rf /var/lib/apt/lists/*; }
WORKDIR /src
COPY .ci/requirements.lock .ci/requirements-build.lock .ci/
RUN python3 -m venv /tools \
 && /tools/bin/pip install --no-cache-dir --only-binary :all: --require-hashes --no-deps \
      -r .ci/requirements-build.lock \
 && python3 -m venv --without-pip /opt/sidecache \
 && /tools/bin/pip --python /opt/sidecache/bin/python install --no-cache-dir --no-compile \
      --only-binary :all: --require-hashes --no-deps -r .ci/requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY .ci/compiled.py .ci/cold.h .ci/
COPY proxy proxy
ENV HATCH_BUILD_HOOK_ENABLE_CUSTOM=${COMPILED} SIDECACHE_PYTHON=/opt/sidecache/bin/python
# Bytecode is made here, since a read-only root takes none later; by hash, so that it is the same
# whenever it is made.
RUN PYTHONPATH=$(echo /opt/sidecache/lib/python3*/site-packages) \
      /tools/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps -w /wheels . \
 && /tools/bin/pip --python /opt/sidecache/bin/python install --no-cache-dir --no-compile \
      --no-deps --no-index /wheels/*.whl \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/sidecache/lib

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sidecache" \
      org.opencontainers.image.description="A caching reverse proxy that stands beside one HTTP API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/sidecache /opt/sidecache
# The port is for other containers, so it listens everywhere; the admin port stays at home until
# SIDECACHE_ADMIN says otherwise.
ENV PATH=/opt/sidecache/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIDECACHE_LISTEN=0.0.0.0:8080
WORKDIR /
USER 10001:10001
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["sidecache", "health"]
ENTRYPOINT ["sidecache"]
CMD ["serve"]
