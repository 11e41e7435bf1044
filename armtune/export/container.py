"""A Dockerfile for a bundle, with which it is a service in a container."""

from __future__ import annotations

from armtune import __version__

NAME = "Dockerfile"
TEXT = f"""\
# docker build -t model . && docker run --rm -p 127.0.0.1:8000:8000 model
FROM python:3.12-slim
RUN pip install --no-cache-dir "armtune[serve]=={__version__}"
COPY . /model
USER nobody
EXPOSE 8000
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"
CMD ["armtune", "serve", "/model", "--host", "0.0.0.0"]
"""
