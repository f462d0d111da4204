# It was written without a container engine, and never built: please report errors.
#
# Where DASHTAM_ENVIRONMENT=production, make the key ring once, before the first start:
#   docker run --rm --volume dashtam:/data dashtam:local keys create --data /data
FROM python:3.13-slim AS dashboard

COPY dashboard /build/dashboard
COPY docs/openapi.json /build/docs/openapi.json
RUN python /build/dashboard/build_dashboard.py


FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv /opt/dashtam
ENV PATH=/opt/dashtam/bin:$PATH

# The dependencies change less often than the sources, so they have their own layer.
COPY requirements/run.txt /build/requirements/run.txt
RUN pip install --require-hashes -r /build/requirements/run.txt

COPY pyproject.toml README.md LICENSE /build/
COPY src /build/src
COPY examples /build/examples
COPY hatch_build.py /build/
COPY dashboard /build/dashboard
COPY --from=dashboard /build/src/dashtam/presentation/web/dist /build/src/dashtam/presentation/web/dist
RUN pip install --no-deps --no-build-isolation /build


FROM python:3.13-slim

# The user id is fixed, so that a mounted folder can be given to it.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin dashtam \
    && install -d -o dashtam -g dashtam -m 0700 /data
COPY --from=build /opt/dashtam /opt/dashtam

ENV PATH=/opt/dashtam/bin:$PATH PYTHONUNBUFFERED=1
USER dashtam
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]

ENTRYPOINT ["dashtam"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data"]
