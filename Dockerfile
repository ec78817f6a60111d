# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/docustore
WORKDIR /src
# The lock has the extras fsspec, parquet and sql. Dependencies first: they change less often than the code, so their layer is cached.
COPY requirements-runtime.lock ./
RUN /opt/docustore/bin/python -m pip install --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY docustore ./docustore
COPY workers ./workers
COPY indexes ./indexes
RUN /opt/docustore/bin/python -m pip install --no-deps --no-build-isolation . \
    # The image needs no build tools at run time.
    && /opt/docustore/bin/python -m pip uninstall --yes hatchling editables pip setuptools \
    && /opt/docustore/bin/python -m compileall -q /opt/docustore/lib

FROM ${PYTHON_IMAGE} AS run
ENV PATH=/opt/docustore/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /app docustore
COPY --from=build /opt/docustore /opt/docustore
COPY scripts /app/scripts
WORKDIR /app
USER 10001:10001
EXPOSE 8000
CMD ["docustore", "api"]
