# One machine: docker build -t playground . && docker run -p 8501:8501 playground      More: docs/hosting.md
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 OMP_NUM_THREADS=1 PLAYGROUND_PRESET=public \
    PLAYGROUND_RUNS_URL=sqlite:////home/playground/data/runs.db PLAYGROUND_STORE=/home/playground/data/files

# The app is read alone; kept runs and uploads go to a folder of their own, which a volume can keep.
RUN useradd --create-home --uid 10001 playground && install -d -o playground -g playground /home/playground/data
WORKDIR /home/playground/app
COPY requirements.txt .
# The CPU build of torch comes from PyTorch's own index: a tenth of the size of the one with CUDA.
RUN pip install --index-url https://download.pytorch.org/whl/cpu torch==2.13.0 && pip install -r requirements.txt
COPY . .
RUN python -m compileall -q playground app_pages

USER playground
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]
CMD ["streamlit", "run", "asgi_app.py", "--server.address=0.0.0.0", "--server.headless=true"]
