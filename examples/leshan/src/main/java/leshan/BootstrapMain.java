package leshan;

import java.net.InetSocketAddress;
import java.util.EnumSet;
import java.util.Scanner;

import org.eclipse.leshan.core.SecurityMode;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.peer.LwM2mPeer;
import org.eclipse.leshan.core.request.BindingMode;
import org.eclipse.leshan.core.request.BootstrapDownlinkRequest;
import org.eclipse.leshan.core.request.BootstrapRequest;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.util.Hex;
import org.eclipse.leshan.server.bootstrap.BootstrapConfig;
import org.eclipse.leshan.server.bootstrap.BootstrapFailureCause;
import org.eclipse.leshan.server.bootstrap.BootstrapSession;
import org.eclipse.leshan.server.bootstrap.BootstrapSessionListener;
import org.eclipse.leshan.server.bootstrap.InMemoryBootstrapConfigStore;
import org.eclipse.leshan.server.bootstrap.LeshanBootstrapServer;
import org.eclipse.leshan.server.bootstrap.LeshanBootstrapServerBuilder;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.CaliforniumBootstrapServerEndpointsProvider;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.coap.CoapBootstrapServerProtocolProvider;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.coaps.CoapsBootstrapServerProtocolProvider;
import org.eclipse.leshan.server.security.BootstrapSecurityStore;
import org.eclipse.leshan.server.security.SecurityInfo;
import org.eclipse.leshan.core.peer.OscoreIdentity;

import java.util.Iterator;
import java.util.List;

/** A Leshan bootstrap server that gives one endpoint one account; see README.md for its flags. */
public class BootstrapMain {
    public static void main(String[] args) throws Exception {
        Flags f = new Flags(args);
        String endpoint = f.get("endpoint", "leshan-client");
        boolean psk = !f.get("psk-identity", "").isEmpty();
        InMemoryBootstrapConfigStore store = new InMemoryBootstrapConfigStore();
        store.add(endpoint, config(f));

        CaliforniumBootstrapServerEndpointsProvider.Builder endpoints = psk
                ? new CaliforniumBootstrapServerEndpointsProvider.Builder(new CoapsBootstrapServerProtocolProvider())
                : new CaliforniumBootstrapServerEndpointsProvider.Builder(new CoapBootstrapServerProtocolProvider());
        endpoints.addEndpoint(new InetSocketAddress(f.get("host", "127.0.0.1"), f.number("port", 5683)), psk ? Protocol.COAPS : Protocol.COAP);
        LeshanBootstrapServerBuilder b = new LeshanBootstrapServerBuilder();
        b.setConfigStore(store);
        b.setEndpointsProviders(endpoints.build());
        if (psk) {
            SecurityInfo info = SecurityInfo.newPreSharedKeyInfo(endpoint, f.get("psk-identity", ""), Hex.decodeHex(f.get("psk-key-hex", "").toCharArray()));
            b.setSecurityStore(new OneKey(info));
        }
        LeshanBootstrapServer server = b.build();
        server.addListener(new Sessions());
        server.start();
        System.out.println("listening");
        Scanner in = new Scanner(System.in);
        while (in.hasNextLine() && !in.nextLine().trim().equals("stop")) {
            // nothing else is taken
        }
        server.destroy();
        System.exit(0);
    }

    /** The configuration C.1: one server account. */
    private static BootstrapConfig config(Flags f) {
        BootstrapConfig c = new BootstrapConfig();
        c.toDelete.add("/0");
        c.toDelete.add("/1");
        BootstrapConfig.ServerSecurity s = new BootstrapConfig.ServerSecurity();
        s.uri = f.get("server-uri", "coap://127.0.0.1:5683");
        s.serverId = f.number("server-ssid", 1);
        s.bootstrapServer = false;
        s.securityMode = SecurityMode.NO_SEC;
        if (!f.get("server-psk-identity", "").isEmpty()) {
            s.securityMode = SecurityMode.PSK;
            s.publicKeyOrId = f.get("server-psk-identity", "").getBytes();
            s.secretKey = Hex.decodeHex(f.get("server-psk-key-hex", "").toCharArray());
        }
        c.security.put(1, s);
        BootstrapConfig.ServerConfig v = new BootstrapConfig.ServerConfig();
        v.shortId = s.serverId;
        v.lifetime = f.number("server-lifetime", 86400);
        v.notifIfDisabled = false;
        v.binding = EnumSet.of(BindingMode.U);
        c.servers.put(0, v);
        return c;
    }

    /** Knows one endpoint's key. */
    private record OneKey(SecurityInfo info) implements BootstrapSecurityStore {
        @Override
        public Iterator<SecurityInfo> getAllByEndpoint(String endpoint) {
            return (endpoint.equals(info.getEndpoint()) ? List.of(info) : List.<SecurityInfo>of()).iterator();
        }

        @Override
        public SecurityInfo getByIdentity(String identity) {
            return identity.equals(info.getPskIdentity()) ? info : null;
        }

        @Override
        public SecurityInfo getByOscoreIdentity(OscoreIdentity identity) {
            return null;
        }
    }

    private static final class Sessions implements BootstrapSessionListener {
        @Override
        public void sessionInitiated(BootstrapRequest r, LwM2mPeer p) {
            System.out.println("bootstrap-request " + r.getEndpointName());
        }

        @Override
        public void unAuthorized(BootstrapRequest r, LwM2mPeer p) {
            System.out.println("unauthorized " + r.getEndpointName());
        }

        @Override
        public void authorized(BootstrapSession s) {
        }

        @Override
        public void noConfig(BootstrapSession s) {
            System.out.println("no configuration for " + s.getEndpoint());
        }

        @Override
        public void sendRequest(BootstrapSession s, BootstrapDownlinkRequest<? extends LwM2mResponse> r) {
            System.out.println("sends " + r);
        }

        @Override
        public void onResponseSuccess(BootstrapSession s, BootstrapDownlinkRequest<? extends LwM2mResponse> r, LwM2mResponse v) {
        }

        @Override
        public void onResponseError(BootstrapSession s, BootstrapDownlinkRequest<? extends LwM2mResponse> r, LwM2mResponse v) {
            System.out.println("refused " + r + ": " + v);
        }

        @Override
        public void onRequestFailure(BootstrapSession s, BootstrapDownlinkRequest<? extends LwM2mResponse> r, Throwable t) {
            System.out.println("failure " + t);
        }

        @Override
        public void end(BootstrapSession s) {
            System.out.println("finished " + s.getEndpoint());
        }

        @Override
        public void failed(BootstrapSession s, BootstrapFailureCause c) {
            System.out.println("failed " + s.getEndpoint() + " " + c);
        }
    }
}
