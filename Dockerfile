# One machine: docker build --build-arg TORCH_INDEX=… -t playground . && docker run -p 8501:8501 playground
# TORCH_INDEX is the index of torch's CPU build: what pytorch.org/get-started names for Linux, pip and CPU after
# --index-url. It is a tenth of the size of the build with CUDA. More: docs/hosting.md
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 OMP_NUM_THREADS=1 PLAYGROUND_PRESET=public \
    PLAYGROUND_RUNS_URL=sqlite:////home/playground/data/runs.db PLAYGROUND_STORE=/home/playground/data/files

# The app is read alone; kept runs and uploads go to a folder of their own, which a volume can keep.
RUN useradd --create-home --uid 10001 playground && install -d -o playground -g playground /home/playground/data
WORKDIR /home/playground/app
COPY requirements.txt .
ARG TORCH_INDEX
RUN test -n "$TORCH_INDEX" || { echo "Give the index of torch's CPU build: --build-arg TORCH_INDEX=…"; exit 1; }
RUN pip install --index-url "$TORCH_INDEX" torch==2.13.0 && pip install -r requirements.txt
COPY . .
RUN python -m compileall -q playground app_pages

USER playground
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]
CMD ["streamlit", "run", "asgi_app.py", "--server.address=0.0.0.0", "--server.headless=true"]
