"""What settings of Istio's MeshConfig and ProxyConfig become under Linkerd, by their names.

From Istio's references of both, and the values and annotations of Linkerd's charts (`linkerd-control-plane`).
A name with `=` is about that value alone: at others the setting does nothing that would be missed.
"""

from __future__ import annotations

from typing import NamedTuple

from harness.analysis.discover.verdict import Verdict

NO, CHANGES, CHECK, YES = Verdict.NO_EQUIVALENT, Verdict.CHANGES, Verdict.CHECK, Verdict.TRANSLATES


class Fact(NamedTuple):
    """What becomes of a setting, why, and what to do for it."""

    verdict: Verdict
    why: str
    todo: str = ""


ISTIOS = Fact(YES, "it is about Istio's own components, and goes with them")
EXPORT = Fact(
    CHANGES, "Linkerd has no export by default: a Service's routes act on all clients", "check them"
)
INGRESS = Fact(
    CHANGES, "Linkerd has no ingress of its own", "keep Istio's gateway, meshed, or take another one"
)
EGRESS_GATEWAY = Fact(NO, "Linkerd has no egress gateway", "say what may leave by EgressNetworks")
CLUSTERS = Fact(
    CHANGES, "Linkerd joins clusters by its multicluster extension", "link the clusters, and export Services"
)
REMOTE = Fact(NO, "Linkerd's control plane runs in each cluster", "install it in each, and link them")
REVISIONS = Fact(NO, "Linkerd has one control plane in a cluster", "upgrade it in place, then restart pods")
CA = Fact(
    CHANGES,
    "Linkerd's identity service issues certificates",
    "give it an issuer (identity.issuer, identity.externalCA; cert-manager can renew it)",
)
ACCESS_LOG = Fact(
    CHANGES,
    "Linkerd logs requests as apache or json, to the proxy's standard error",
    "set proxy.accessLog, or the annotation config.linkerd.io/access-log",
)
LOG_FORMAT = Fact(NO, "the format of Linkerd's access log can't be changed", "read apache or json")
LOG_SERVICE = Fact(NO, "Linkerd's proxies send their access log to no service", "collect it from the pods")
TRACING = Fact(
    CHANGES,
    "Linkerd's proxies export spans by OTLP, and only of requests that come with a sampled trace",
    "set proxy.tracing.enabled and its collector; begin traces at the ingress or in the application",
)
TRACE_TAGS = Fact(NO, "Linkerd's spans have the tags that they have", "add labels by proxy.tracing.labels")
METRICS = Fact(
    CHANGES, "Linkerd's metrics have names and labels of their own", "change dashboards and alerts"
)
STATS = Fact(NO, "which metrics Linkerd's proxies offer can't be chosen", "drop them where they are scraped")
EXT_AUTHZ = Fact(NO, "Linkerd asks no external authorizer", "authorize at the ingress, or in the application")
AMBIENT = Fact(
    CHANGES,
    "Linkerd has sidecars alone, where ambient mode has node proxies and waypoints",
    "annotate the namespaces for injection, and restart their pods",
)
CNI = Fact(CHANGES, "Linkerd has a CNI plugin of its own", "install linkerd2-cni, and set cniEnabled")
DNS = Fact(NO, "Linkerd's proxies answer no DNS", "have the names of ServiceEntries in a DNS server")
TLS = Fact(NO, "Linkerd's proxies speak TLS 1.3 with ciphers that can't be chosen")
DRAIN = Fact(
    CHANGES,
    "Linkerd's proxies wait for open requests",
    "set proxy.shutdownGracePeriod, or config.alpha.linkerd.io/proxy-wait-before-exit-seconds",
)
AWAIT = Fact(YES, "Linkerd's pods wait for their proxy by default (proxy.await, proxy.nativeSidecar)")
RESOURCES = Fact(YES, "Linkerd's proxies take limits, too", "set proxy.resources")
SKIP_IN = Fact(YES, "ports can go round Linkerd's proxies", "set proxyInit.ignoreInboundPorts")
SKIP_OUT = Fact(YES, "ports can go round Linkerd's proxies", "set proxyInit.ignoreOutboundPorts")
INCLUDE = Fact(NO, "Linkerd's proxies take all traffic but what is left out", "name what is to be left out")
REGISTRY = Fact(YES, "images can come from a registry of your own", "set Linkerd's images, too")
LOCALITY = Fact(
    CHANGES, "Linkerd follows the hints of EndpointSlices, by zone alone", "annotate Services for hints"
)

MESH: dict[str, Fact] = {
    "outboundTrafficPolicy.mode=REGISTRY_ONLY": Fact(
        CHANGES,
        "an EgressNetwork with trafficPolicy Deny holds back what no route on it lets out, with 403 for 502",
        "translate the ConfigMap and the ServiceEntries, too",
    ),
    "outboundTrafficPolicy.mode=ALLOW_ANY": Fact(YES, "Linkerd lets traffic out, too"),
    "outboundTrafficPolicy.mode": Fact(
        CHECK, "it says how unknown names are resolved", "check what needs it"
    ),
    "outboundTrafficPolicy.egressProxy": EGRESS_GATEWAY,
    "inboundTrafficPolicy.mode=LOCALHOST": Fact(
        CHANGES, "Linkerd's proxies connect to the pod's address", "have applications listen there"
    ),
    "trustDomain=cluster.local": Fact(YES, "it is Linkerd's default, too"),
    "trustDomain": Fact(
        CHANGES,
        "Linkerd's identities are DNS names, account.namespace.serviceaccount.identity.linkerd.DOMAIN",
        "set identityTrustDomain, and name identities so in policies",
    ),
    "trustDomainAliases": Fact(NO, "Linkerd's policies know no aliases", "name every identity"),
    "accessLogFile": ACCESS_LOG,
    "accessLogFormat": LOG_FORMAT,
    "accessLogEncoding": ACCESS_LOG,
    "enableEnvoyAccessLogService=true": LOG_SERVICE,
    "disableEnvoyListenerLog": ISTIOS,
    "enableTracing=true": TRACING,
    "enableAutoMtls=true": Fact(YES, "Linkerd begins mutual TLS between meshed pods by itself"),
    "enableAutoMtls=false": Fact(CHANGES, "Linkerd begins mutual TLS between meshed pods, always"),
    "enablePrometheusMerge": Fact(
        CHANGES, "Linkerd's proxies offer their metrics on port 4191", "scrape proxy and application apart"
    ),
    "defaultProviders.metrics": METRICS,
    "defaultProviders.tracing": TRACING,
    "defaultProviders.accessLogging": ACCESS_LOG,
    "extensionProviders[].envoyExtAuthzHttp": EXT_AUTHZ,
    "extensionProviders[].envoyExtAuthzGrpc": EXT_AUTHZ,
    **{
        f"extensionProviders[].{kind}": TRACING
        for kind in "zipkin lightstep datadog stackdriver opencensus skywalking opentelemetry".split()
    },
    "extensionProviders[].prometheus": METRICS,
    "extensionProviders[].envoyFileAccessLog": ACCESS_LOG,
    "extensionProviders[].envoyHttpAls": LOG_SERVICE,
    "extensionProviders[].envoyTcpAls": LOG_SERVICE,
    "extensionProviders[].envoyOtelAls": LOG_SERVICE,
    "extensionProviders[].sds": CA,
    "pathNormalization.normalization=NONE": Fact(YES, "Linkerd normalizes no paths, either"),
    "pathNormalization": Fact(
        NO, "Linkerd's routes and policies see paths as they are sent", "normalize paths at the ingress"
    ),
    "defaultHttpRetryPolicy": Fact(
        CHANGES, "Linkerd retries nothing by default", "annotate Services or routes (retry.linkerd.io/http)"
    ),
    "defaultTrafficPolicy": Fact(CHANGES, "Linkerd's settings are each Service's", "annotate the Services"),
    "connectTimeout": Fact(YES, "Linkerd has it", "set proxy.outboundConnectTimeout"),
    "protocolDetectionTimeout": Fact(
        CHANGES, "Linkerd takes 10 s to tell what a connection speaks", "name opaque ports"
    ),
    "tcpKeepalive": Fact(NO, "Linkerd's proxies keep connections alive by times of their own"),
    "h2UpgradePolicy": Fact(YES, "Linkerd's proxies speak HTTP/2 with each other (enableH2Upgrade)"),
    "localityLbSetting": LOCALITY,
    "zoneAwareLbSetting": LOCALITY,
    "rootNamespace=istio-system": ISTIOS,
    "rootNamespace": Fact(
        CHANGES, "Linkerd has no namespace whose policies are for all", "policies go to each namespace"
    ),
    "discoverySelectors": Fact(YES, "Linkerd looks at all namespaces; only annotated pods are meshed"),
    **{
        f"default{kind}ExportTo{value}": fact
        for kind in ("Service", "VirtualService", "DestinationRule")
        for value, fact in (("", EXPORT), ('=["*"]', Fact(YES, "Linkerd's Services are for all, too")))
    },
    "serviceEntryVisibility": EXPORT,
    "ingressClass": INGRESS,
    "ingressService": INGRESS,
    "ingressSelector": INGRESS,
    "ingressControllerMode": INGRESS,
    "ca": CA,
    "certificates": CA,
    "caCertificates": Fact(CHANGES, "Linkerd's trust anchors are its own", "see identityTrustAnchorsPEM"),
    "verifyCertificateAtClient": ISTIOS,
    "meshMTLS": TLS,
    "tlsDefaults": TLS,
    "serviceSettings": CLUSTERS,
    "serviceScopeConfigs": CLUSTERS,
    "hboneIdleTimeout": AMBIENT,
    "inboundClusterStatName": METRICS,
    "outboundClusterStatName": METRICS,
    "dnsRefreshRate": Fact(YES, "Linkerd's clients resolve outside names themselves"),
    "configSources": ISTIOS,
    "proxyListenPort": ISTIOS,
    "proxyInboundListenPort": ISTIOS,
    "proxyHttpPort": Fact(NO, "Linkerd's proxies are no explicit HTTP proxies"),
}

PROXY: dict[str, Fact] = {
    "holdApplicationUntilProxyStarts": AWAIT,
    "tracing": TRACING,
    "tracing.customTags": TRACE_TAGS,
    "tracing.maxPathTagLength": TRACE_TAGS,
    "tracing.enableIstioTags": TRACE_TAGS,
    "tracingServiceName": Fact(
        CHANGES, "Linkerd's spans have one name", "set proxy.tracing.traceServiceName"
    ),
    "drainDuration": DRAIN,
    "terminationDrainDuration": DRAIN,
    "concurrency": Fact(CHANGES, "Linkerd's proxies have threads by CPU", "set proxy.runtime.workers"),
    "gatewayTopology": Fact(YES, "it is about gateways, and stays with them", "carry it to another ingress"),
    "interceptionMode=TPROXY": Fact(NO, "Linkerd hides a client's address from the application"),
    "interceptionMode=NONE": Fact(NO, "Linkerd's proxies take traffic by iptables alone"),
    "proxyHeaders": Fact(NO, "which headers Linkerd's proxies add can't be chosen"),
    "proxyMetadata.ISTIO_META_DNS_CAPTURE=true": DNS,
    "proxyMetadata.ISTIO_META_DNS_AUTO_ALLOCATE=true": DNS,
    "proxyMetadata.ISTIO_META_ENABLE_HBONE=true": AMBIENT,
    "proxyMetadata.EXIT_ON_ZERO_ACTIVE_CONNECTIONS": DRAIN,
    "proxyStatsMatcher": STATS,
    "extraStatTags": STATS,
    "statNameLength": STATS,
    "statsdUdpAddress": Fact(NO, "Linkerd's metrics are scraped alone"),
    "envoyMetricsServiceAddress": Fact(NO, "Linkerd's metrics are scraped alone"),
    "envoyMetricsService": Fact(NO, "Linkerd's metrics are scraped alone"),
    "envoyAccessLogService": LOG_SERVICE,
    "privateKeyProvider": TLS,
    "caCertificatesPem": CA,
    "meshId": CLUSTERS,
    "readinessProbe": ISTIOS,
    "image": REGISTRY,
    "runtimeValues": Fact(NO, "they are Envoy's"),
    "customConfigFile": Fact(NO, "it is Envoy's", "see what it is for"),
    "proxyBootstrapTemplatePath": Fact(NO, "it is Envoy's", "see what it is for"),
    **dict.fromkeys(
        "configPath binaryPath discoveryAddress discoveryRefreshDelay proxyAdminPort statusPort "
        "serviceCluster fileFlushInterval fileFlushMinSizeKb statsCompression controlPlaneAuthPolicy "
        "availabilityZone sds".split(),
        ISTIOS,
    ),
    "zipkinAddress": TRACING,
}
