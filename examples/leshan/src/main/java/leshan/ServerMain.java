package leshan;

import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.Iterator;
import java.util.Scanner;

import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.link.lwm2m.attributes.DefaultLwM2mAttributeParser;
import org.eclipse.leshan.core.link.lwm2m.attributes.LwM2mAttributeSet;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.observation.CompositeObservation;
import org.eclipse.leshan.core.observation.Observation;
import org.eclipse.leshan.core.observation.SingleObservation;
import org.eclipse.leshan.core.request.CancelObservationRequest;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.DiscoverRequest;
import org.eclipse.leshan.core.request.DownlinkRequest;
import org.eclipse.leshan.core.request.ExecuteRequest;
import org.eclipse.leshan.core.request.ObserveRequest;
import org.eclipse.leshan.core.request.ReadRequest;
import org.eclipse.leshan.core.request.WriteAttributesRequest;
import org.eclipse.leshan.core.request.WriteRequest;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.core.response.ObserveCompositeResponse;
import org.eclipse.leshan.core.response.ObserveResponse;
import org.eclipse.leshan.core.util.Hex;
import org.eclipse.leshan.server.LeshanServer;
import org.eclipse.leshan.server.LeshanServerBuilder;
import org.eclipse.leshan.server.californium.endpoint.CaliforniumServerEndpointsProvider;
import org.eclipse.leshan.server.californium.endpoint.coap.CoapServerProtocolProvider;
import org.eclipse.leshan.server.californium.endpoint.coaps.CoapsServerProtocolProvider;
import org.eclipse.leshan.server.observation.ObservationListener;
import org.eclipse.leshan.server.registration.InMemoryRegistrationStore;
import org.eclipse.leshan.server.registration.Registration;
import org.eclipse.leshan.server.registration.RegistrationListener;
import org.eclipse.leshan.server.registration.RegistrationUpdate;
import org.eclipse.leshan.server.security.InMemorySecurityStore;
import org.eclipse.leshan.server.security.SecurityInfo;

/** A Leshan server; see README.md for its flags and the lines it takes. */
public class ServerMain {
    private static final long TIMEOUT = 20_000;

    private static LeshanServer server;
    private static InMemorySecurityStore security;

    public static void main(String[] args) throws Exception {
        Flags f = new Flags(args);
        InetSocketAddress at = new InetSocketAddress(f.get("host", "127.0.0.1"), f.number("port", 5683));
        boolean psk = f.has("psk-identity") && !f.get("psk-identity", "").isEmpty();
        security = new InMemorySecurityStore();
        if (psk) {
            addPsk(f.get("endpoint", "?"), f.get("psk-identity", ""), f.get("psk-key-hex", ""));
        }
        CaliforniumServerEndpointsProvider.Builder endpoints = psk
                ? new CaliforniumServerEndpointsProvider.Builder(new CoapsServerProtocolProvider())
                : new CaliforniumServerEndpointsProvider.Builder(new CoapServerProtocolProvider());
        endpoints.addEndpoint(at, psk ? Protocol.COAPS : Protocol.COAP);
        LeshanServerBuilder b = new LeshanServerBuilder();
        b.setEndpointsProviders(endpoints.build());
        b.setSecurityStore(security);
        b.setRegistrationStore(new InMemoryRegistrationStore(1)); // looks for expired registrations every second
        server = b.build();
        server.getRegistrationService().addListener(new Registrations());
        server.getObservationService().addListener(new Notifications());
        server.start();
        System.out.println("listening");

        Scanner in = new Scanner(System.in);
        while (in.hasNextLine()) {
            String line = in.nextLine().trim();
            if (line.equals("stop")) {
                break;
            }
            Thread t = new Thread(() -> System.out.println(answer(line)));
            t.setDaemon(true);
            t.start();
        }
        server.destroy();
        System.exit(0);
    }

    private static void addPsk(String endpoint, String identity, String key) throws Exception {
        security.add(SecurityInfo.newPreSharedKeyInfo(endpoint, identity, Hex.decodeHex(key.toCharArray())));
    }

    private static String answer(String line) {
        String[] w = line.split(" ");
        try {
            switch (w[0]) {
            case "list" -> {
                StringBuilder all = new StringBuilder("ok");
                for (Iterator<Registration> i = server.getRegistrationService().getAllRegistrations(); i.hasNext();) {
                    all.append(' ').append(i.next().getEndpoint());
                }
                return all.toString();
            }
            case "add-psk" -> {
                addPsk(w[1], w[2], w[3]);
                return "ok";
            }
            case "forget" -> {
                server.getRegistrationStore().removeRegistration(registration(w[1]).getId());
                return "ok";
            }
            default -> {
                Registration r = registration(w[1]);
                LwM2mResponse response = server.send(r, request(r, w), TIMEOUT);
                return response == null ? "error no answer" : "ok " + response;
            }
            }
        } catch (Exception e) {
            return "error " + e;
        }
    }

    private static Registration registration(String endpoint) {
        Registration r = server.getRegistrationService().getByEndpoint(endpoint);
        if (r == null) {
            throw new IllegalStateException(endpoint + " is not registered");
        }
        return r;
    }

    private static DownlinkRequest<? extends LwM2mResponse> request(Registration r, String[] w) throws Exception {
        String path = w[2];
        String argument = w.length > 3 ? w[3] : "";
        ContentFormat format = argument.matches("[0-9]+") ? ContentFormat.fromCode(Integer.parseInt(argument)) : null;
        switch (w[0]) {
        case "read":
            return new ReadRequest(format, path);
        case "discover":
            return new DiscoverRequest(path);
        case "observe":
            return new ObserveRequest(path);
        case "cancel":
            for (Observation o : server.getObservationService().getObservations(r)) {
                if (o instanceof SingleObservation s && s.getPath().toString().equals(path)) {
                    return new CancelObservationRequest(s);
                }
            }
            throw new IllegalStateException(path + " is not observed");
        case "execute":
            return argument.isEmpty() ? new ExecuteRequest(path) : new ExecuteRequest(path, argument);
        case "write-attributes":
            return new WriteAttributesRequest(path, new LwM2mAttributeSet(new DefaultLwM2mAttributeParser().parseUriQuery(argument)));
        case "write":
            return write(r, new LwM2mPath(path), argument);
        default:
            throw new IllegalArgumentException("unknown line");
        }
    }

    /** Writes one resource in the format that Leshan prefers, with the type its object model gives. */
    private static WriteRequest write(Registration r, LwM2mPath p, String value) throws Exception {
        ResourceModel m = server.getModelProvider().getObjectModel(r).getResourceModel(p.getObjectId(), p.getResourceId());
        Object v = switch (m.type) {
        case INTEGER -> Long.parseLong(value);
        case FLOAT -> Double.parseDouble(value);
        case BOOLEAN -> value.equals("1") || value.equals("true");
        case OPAQUE -> Hex.decodeHex(value.toCharArray());
        case TIME -> new Date(1000 * Long.parseLong(value));
        default -> value;
        };
        return new WriteRequest(WriteRequest.Mode.REPLACE, null, p, LwM2mSingleResource.newResource(p.getResourceId(), v, m.type));
    }

    private static final class Registrations implements RegistrationListener {
        @Override
        public void registered(Registration r, Registration old, Collection<Observation> o) {
            System.out.println("registered " + r.getEndpoint() + " " + r.getLwM2mVersion() + " " + r.getLifeTimeInSec());
        }

        @Override
        public void updated(RegistrationUpdate u, Registration r, Registration old) {
            System.out.println("updated " + r.getEndpoint());
        }

        @Override
        public void unregistered(Registration r, Collection<Observation> o, boolean expired, Registration n) {
            System.out.println((expired ? "expired " : "deregistered ") + r.getEndpoint());
        }
    }

    private static final class Notifications implements ObservationListener {
        @Override
        public void newObservation(Observation o, Registration r) {
        }

        @Override
        public void cancelled(Observation o) {
        }

        @Override
        public void onResponse(SingleObservation o, Registration r, ObserveResponse v) {
            System.out.println("notify " + r.getEndpoint() + " " + o.getPath() + " " + v.getContent());
        }

        @Override
        public void onResponse(CompositeObservation o, Registration r, ObserveCompositeResponse v) {
            System.out.println("notify " + r.getEndpoint() + " " + Arrays.toString(o.getPaths().toArray()));
        }

        @Override
        public void onError(Observation o, Registration r, Exception e) {
            System.out.println("notification error " + e);
        }
    }
}
