# syntax=docker/dockerfile:1
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.txt pyproject.toml setup.py README.md LICENSE ./
RUN python -m venv /opt/spreadscope \
 && /opt/spreadscope/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY analytics analytics
COPY ingestion ingestion
COPY storage storage
COPY dashapp dashapp
COPY assets assets
# What is installed is compiled (-P), not the sources here: nobody would look for their code.
RUN /opt/spreadscope/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
 && NUMBA_CACHE_DIR=/opt/compiled \
    /opt/spreadscope/bin/python -P -c "from dashapp.services.startup import compile_all as c; c()"

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/spreadscope spreadscope
COPY --from=build --chown=spreadscope /opt/spreadscope /opt/spreadscope
# In the volume, since numba takes no compiled code from where it cannot write.
COPY --from=build --chown=spreadscope /opt/compiled /var/lib/spreadscope/compiled
USER 10001
WORKDIR /var/lib/spreadscope
# The token is read from a file: what stands here is its path.
# hadolint ignore=DL3064
ENV PATH=/opt/spreadscope/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/lib/spreadscope/compiled \
    SPREADSCOPE_HOST=0.0.0.0 \
    SPREADSCOPE_TOKEN_FILE=/run/secrets/spreadscope_token \
    SPREADSCOPE_ARCHIVE=/var/lib/spreadscope/archive.sqlite
EXPOSE 8050
VOLUME /var/lib/spreadscope
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8050/healthz', timeout=2)"]
ENTRYPOINT ["spreadscope"]
