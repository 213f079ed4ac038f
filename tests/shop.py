"""A workload of the shop that tests write scenarios about, and its Service; NAME stands for its name."""

APP = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: hello, image: "nginxdemos/hello:plain-text", ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: shop}
spec:
  selector: {app: NAME}
  ports: [{name: http, port: 80}]
---
"""
