"""What values of Istio's Helm charts, and fields of an IstioOperator, become under Linkerd, by their names.

From the values that the charts document, and those of Linkerd's charts (`linkerd-control-plane`).
"""

from __future__ import annotations

from harness.analysis.discover.mesh_facts import (
    AMBIENT,
    AWAIT,
    CA,
    CHANGES,
    CHECK,
    CLUSTERS,
    CNI,
    EGRESS_GATEWAY,
    INCLUDE,
    INGRESS,
    ISTIOS,
    METRICS,
    NO,
    REGISTRY,
    REMOTE,
    RESOURCES,
    REVISIONS,
    SKIP_IN,
    SKIP_OUT,
    TRACING,
    YES,
    Fact,
)

# What is about Istio's own components alone: under `global`, and at the top of the charts of istiod, the CNI
# plugin, ztunnel and gateways.
_GLOBAL = """
    configCluster configValidation defaultPodDisruptionBudget defaultResources enableReaderRBAC
    externalIstiod imagePullPolicy istioNamespace istiod logAsJson logging mountMtlsCerts
    nativeNftables omitSidecarInjectorConfigMap operatorManageWebhooks platform
    podDNSSearchNamespaces priorityClassName proxy_init resourceScope sds tag variant waypoint
"""
_TOP = """
    additionalContainers affinity annotations autoscaleBehavior autoscaleEnabled autoscaleMax
    autoscaleMin autoscaling base chained cniBinDir cniConfDir cniConfFileName cniNetnsDir configMap
    containerSecurityContext cpu daemonSetLabels deploymentAnnotations deploymentLabels dnsConfig
    dnsPolicy enabled envVarFrom excludeNamespaces experimental extraContainerArgs hub image
    imagePullPolicy imagePullSecrets initContainers installPackagePath ipFamilies ipFamilyPolicy
    istioNamespace istioOwnedCNIConfig istioOwnedCNIConfigFileName jwksResolverExtraRootCA
    keepaliveMaxServerConnectionAge kind labels lifecycle logAsJson logLevel logging memory
    minReadySeconds name namespace networkGatewayPorts nodeSelector ownerName pdb peerCaCrl
    podAnnotations podDisruptionBudget podLabels priorityClassName provider pullPolicy rbac
    readinessProbe repair replicaCount resourceName resourceQuotas resourceScope resources
    rollingMaxSurge rollingMaxUnavailable seLinuxOptions seccompProfile securityContext
    serviceAccount serviceAccountAnnotations serviceAnnotations sidecarInjectorWebhookAnnotations
    strategy tag taint terminationGracePeriodSeconds tolerations topologySpreadConstraints
    trustedZtunnelName trustedZtunnelNamespace updateStrategy useAppArmorAnnotation variant
    volumeMounts volumes xdsAddress
"""

VALUES: dict[str, Fact] = {
    "profile=ambient": AMBIENT,
    "profile=openshift-ambient": AMBIENT,
    "profile=remote": REMOTE,
    **dict.fromkeys(("profile=default", "profile=minimal", "profile=empty"), ISTIOS),
    "profile": Fact(
        CHECK, "a profile is a set of values", "see `istioctl manifest generate`, or the cluster"
    ),
    "compatibilityVersion": ISTIOS,
    "revision": REVISIONS,
    "revisionTags": REVISIONS,
    "defaultRevision": ISTIOS,
    "traceSampling": TRACING,
    "env.PILOT_ENABLE_AMBIENT=true": AMBIENT,
    "env.ENABLE_NATIVE_SIDECARS": AWAIT,
    "env.PILOT_ENABLE_ALPHA_GATEWAY_API=true": Fact(
        CHANGES, "Linkerd takes TLSRoute and TCPRoute, and the standard channel's routes", "check the routes"
    ),
    "env": Fact(CHECK, "it is a switch of istiod's", "see what it was set for"),
    "cni.enabled=true": CNI,
    "istio_cni.enabled=true": CNI,
    "components.cni.enabled=true": CNI,
    "cni.ambient.enabled=true": AMBIENT,
    "ambient.enabled=true": AMBIENT,
    "ambient": ISTIOS,
    "cni": ISTIOS,
    "istio_cni": ISTIOS,
    "ztunnel": AMBIENT,
    "components.ztunnel.enabled=true": AMBIENT,
    "components.ingressGateways": INGRESS,
    "components.egressGateways": EGRESS_GATEWAY,
    "components.istiodRemote.enabled=true": REMOTE,
    "components": ISTIOS,
    "gateways.istio-ingressgateway": INGRESS,
    "gateways.istio-egressgateway": EGRESS_GATEWAY,
    "gateways": ISTIOS,
    "gatewayClasses": INGRESS,
    "networkGateway": CLUSTERS,
    "service": INGRESS,
    "istiodRemote.enabled=true": REMOTE,
    "istiodRemote": ISTIOS,
    "telemetry.v2.stackdriver.enabled=true": TRACING,
    "telemetry.enabled=false": Fact(
        CHANGES, "Linkerd's proxies always offer metrics", "scrape what you need"
    ),
    "telemetry": METRICS,
    "sidecarInjectorWebhook.enableNamespacesByDefault=true": Fact(
        NO, "Linkerd injects where it is asked", "annotate every namespace (linkerd.io/inject)"
    ),
    "sidecarInjectorWebhook.neverInjectSelector": Fact(
        CHANGES, "a pod's own annotation says no", "annotate these pods linkerd.io/inject: disabled"
    ),
    "sidecarInjectorWebhook.alwaysInjectSelector": Fact(
        CHANGES, "a pod's own annotation says yes", "annotate these pods linkerd.io/inject: enabled"
    ),
    "sidecarInjectorWebhook.rewriteAppHTTPProbe=true": Fact(
        CHANGES,
        "probes pass through Linkerd's proxy, which lets their paths in",
        "check probes under policies",
    ),
    "sidecarInjectorWebhook.templates": Fact(
        NO, "Linkerd's injector has one template", "change the workloads"
    ),
    "sidecarInjectorWebhook.defaultTemplates": Fact(NO, "Linkerd's injector has one template"),
    "sidecarInjectorWebhook.injectedAnnotations": Fact(YES, "Linkerd has it", "set podAnnotations"),
    "sidecarInjectorWebhook": ISTIOS,
    "global.network": CLUSTERS,
    "global.meshID": CLUSTERS,
    "global.meshNetworks": CLUSTERS,
    "global.multiCluster": CLUSTERS,
    "global.remotePilotAddress": REMOTE,
    "global.externalIstiod=true": REMOTE,
    "global.configCluster=true": REMOTE,
    "global.caAddress": CA,
    "global.caName": CA,
    "global.mountMtlsCerts=true": CA,
    "global.pilotCertProvider=istiod": ISTIOS,
    "global.pilotCertProvider": CA,
    "global.certSigners": CA,
    "global.hub": REGISTRY,
    "global.imagePullSecrets": Fact(YES, "Linkerd has it", "set imagePullSecrets"),
    "global.proxy.autoInject=disabled": Fact(YES, "Linkerd injects where it is asked"),
    "global.proxy.clusterDomain=cluster.local": Fact(YES, "it is Linkerd's default, too"),
    "global.proxy.clusterDomain": Fact(YES, "Linkerd has it", "set clusterDomain"),
    "global.proxy.holdApplicationUntilProxyStarts": AWAIT,
    "global.proxy.excludeInboundPorts": SKIP_IN,
    "global.proxy.excludeOutboundPorts": SKIP_OUT,
    "global.proxy.excludeIPRanges": Fact(YES, "networks can go round Linkerd's", "set proxyInit.skipSubnets"),
    "global.proxy.includeInboundPorts=*": ISTIOS,
    "global.proxy.includeInboundPorts": INCLUDE,
    "global.proxy.includeIPRanges=*": ISTIOS,
    "global.proxy.includeIPRanges": INCLUDE,
    "global.proxy.includeOutboundPorts": INCLUDE,
    "global.proxy.logLevel=warning": ISTIOS,
    "global.proxy.logLevel": Fact(CHANGES, "Linkerd's levels are said otherwise", "set proxy.logLevel"),
    "global.proxy.outlierLogPath": Fact(NO, "Linkerd's proxies have no such log", "see their metrics"),
    "global.proxy.privileged=true": Fact(YES, "Linkerd has it", "set proxyInit.privileged"),
    "global.proxy.resources": RESOURCES,
    "global.proxy.lifecycle": Fact(NO, "Linkerd's injector writes the proxy's hooks", "see proxy.await"),
    "global.proxy.tracer=none": ISTIOS,
    "global.proxy.tracer": TRACING,
    "global.proxy": ISTIOS,
    "global.sts.servicePort=0": ISTIOS,
    "global.sts": Fact(NO, "Linkerd exchanges no tokens"),
    "global.tracer": TRACING,
    "global.nativeNftables=true": Fact(YES, "Linkerd has it", "set proxyInit.iptablesMode"),
    "global.logAsJson=true": Fact(YES, "Linkerd has it", "set proxy.logFormat and controllerLogFormat"),
    "global.networkPolicy": Fact(CHANGES, "Linkerd's charts have none", "write one, if you need it"),
    **{f"global.{name}": ISTIOS for name in _GLOBAL.split()},
    **dict.fromkeys(_TOP.split(), ISTIOS),
}
