# Kilowatch as compose.yaml runs it: `docker run kilowatch COMMAND` is `python app.py COMMAND`.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
RUN useradd --system --uid 10001 --no-create-home kilowatch
WORKDIR /app

# the lock changes seldom: a layer of its own
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt

COPY app.py LICENSE ./
COPY sql sql
COPY ingest ingest
COPY billing billing
COPY dashboard dashboard
COPY assets assets
# what the help pages show
COPY docs docs

RUN mkdir /data /secrets && chown kilowatch:kilowatch /data
USER kilowatch
ENTRYPOINT ["python", "app.py"]
CMD ["run"]
