# One image for every role: docker run … aeon-jobs api|worker|dispatcher|scheduler|exporter, or migrate up. See compose.yaml.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# Build: a virtual environment of exactly the locked packages, each held against its hash.
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/aeon-jobs
COPY requirements.lock ./
RUN python -m pip --python /opt/aeon-jobs/bin/python install --no-cache-dir --no-deps --require-hashes -r requirements.lock
# What builds the project is locked as well, in the developers' file. It stays behind in this stage.
COPY requirements-dev.lock ./
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.lock > backend.lock \
    && python -m pip install --no-cache-dir --no-deps --require-hashes -r backend.lock
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
    && python -m pip --python /opt/aeon-jobs/bin/python install --no-cache-dir --no-deps --no-index dist/*.whl

FROM ${PYTHON_IMAGE}
# An init: it passes signals on, and reaps the orphans of killed job processes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin aeon \
    && install --directory --owner=aeon --group=aeon /data
COPY --from=build /opt/aeon-jobs /opt/aeon-jobs
# API_HOST, METRICS_HOST: inside a container, localhost is reached by nobody. DATA_ROOT: the one place that data_processing may touch.
ENV PATH=/opt/aeon-jobs/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    API_HOST=0.0.0.0 \
    METRICS_HOST=0.0.0.0 \
    DATA_ROOT=/data
WORKDIR /data
USER 10001:10001
EXPOSE 8000 9191
STOPSIGNAL SIGTERM
# Healthy is: the API or the exporter answers; a worker, dispatcher or scheduler of this very container has sent a heartbeat.
HEALTHCHECK --interval=30s --timeout=30s --start-period=60s --retries=3 CMD ["aeon-jobs", "health"]
ENTRYPOINT ["tini", "--", "aeon-jobs"]
CMD ["--help"]
