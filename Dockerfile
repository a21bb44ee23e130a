FROM python:3.11-slim
RUN useradd --uid 1000 --create-home harmspot && mkdir /home/harmspot/data && chown harmspot /home/harmspot/data
WORKDIR /opt/harmspot
COPY requirements.lock ./
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --editable .
USER harmspot
CMD ["harmspot", "doctor"]
