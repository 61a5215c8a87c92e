# The image of the controller and of the pods that run syncs. The base needs Python 3.13 or newer, with venv or pip, and
# the certificates of public authorities (Debian's ca-certificates). A release names it by its digest: release.yml.
#
#   docker build -t sync-operator .
#
# Behind a mirror of the package index, name it in the environment and pass the variable through:
# `--build-arg PIP_INDEX_URL --build-arg UV_DEFAULT_INDEX`; with a password in it, or a certificate of your own, as files:
# `--secret id=pip,src=pip.conf --secret id=uv,src=uv.toml --secret id=ca,src=ca.crt`. Nothing of it stays in the image.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ENV VIRTUAL_ENV=/opt/sync-operator \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_COMPILE_BYTECODE=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH
WORKDIR /build
COPY scripts/uv.txt scripts/uv.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    if [ -e /run/ca.crt ]; then export PIP_CERT=/run/ca.crt; fi; \
    python3 -m venv /tools && \
    /tools/bin/python -m pip install --no-cache-dir --quiet --require-hashes --requirement scripts/uv.txt && \
    ln -s /tools/bin/uv /usr/local/bin/uv
COPY pyproject.toml uv.lock ./
# The lock file's versions by their hashes, from whatever index is at hand: `uv sync` would insist on the one in the file.
RUN --mount=type=secret,id=uv,target=/etc/uv/uv.toml \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    if [ -e /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; \
    uv venv --quiet "$VIRTUAL_ENV" && \
    uv export --frozen --no-default-groups --no-emit-project --quiet --output-file requirements.txt && \
    uv pip install --quiet --require-hashes --requirement requirements.txt && \
    uv export --frozen --only-group build --quiet --output-file build.txt && \
    uv pip install --python /tools/bin/python --quiet --require-hashes --requirement build.txt
COPY README.md LICENSE ./
COPY operator operator
# What builds the wheel came by its hash above: nothing is fetched any more.
RUN uv build --offline --wheel --no-build-isolation --python /tools/bin/python --quiet --out-dir dist && \
    uv pip install --offline --quiet --no-deps dist/*.whl && uv pip check --quiet

FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="sync-operator" \
      org.opencontainers.image.description="Kubernetes operator for reverse-ETL syncs on AI Squared / Multiwoven" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /opt/sync-operator /opt/sync-operator
ENV PATH=/opt/sync-operator/bin:$PATH
# Some bases come without the standard library's bytecode, and the container cannot write it: loading each command once
# compiles what it needs, and stops the build when one does not load.
RUN for command in controller runner sandbox validate plan export; do sync-operator "$command" --help >/dev/null || exit 1; done
# The only certificates that are trusted by default are the system's: an image without any could reach no server.
RUN python3 -c 'import os, ssl; paths = ssl.get_default_verify_paths(); \
    raise SystemExit(not (paths.cafile or paths.capath and os.listdir(paths.capath)) and "the base has no certificates")'
ENV PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["sync-operator"]
