package leshan;

import static org.eclipse.leshan.core.LwM2mId.DEVICE;
import static org.eclipse.leshan.core.LwM2mId.SECURITY;
import static org.eclipse.leshan.core.LwM2mId.SERVER;

import java.util.Scanner;

import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.client.californium.endpoint.coaps.CoapsClientProtocolProvider;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.observer.LwM2mClientObserverAdapter;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.request.BootstrapRequest;
import org.eclipse.leshan.core.request.DeregisterRequest;
import org.eclipse.leshan.core.request.RegisterRequest;
import org.eclipse.leshan.core.request.UpdateRequest;
import org.eclipse.leshan.core.util.Hex;

/** A Leshan client; see README.md for its flags and the lines it takes. */
public class ClientMain {
    public static void main(String[] args) throws Exception {
        Flags f = new Flags(args);
        String uri = f.get("uri", "coap://127.0.0.1:5683");
        int ssid = f.number("ssid", 1);
        long lifetime = f.number("lifetime", 86400);
        boolean psk = uri.startsWith("coaps");
        byte[] identity = f.get("psk-identity", "").getBytes("UTF-8");
        byte[] key = Hex.decodeHex(f.get("psk-key-hex", "").toCharArray());

        ObjectsInitializer objects = new ObjectsInitializer();
        if (f.has("bootstrap")) {
            objects.setInstancesForObject(SECURITY, psk ? Security.pskBootstrap(uri, identity, key) : Security.noSecBootstrap(uri));
            objects.setClassForObject(SERVER, ServerObject.class);
        } else {
            objects.setInstancesForObject(SECURITY, psk ? Security.psk(uri, ssid, identity, key) : Security.noSec(uri, ssid));
            objects.setInstancesForObject(SERVER, new ServerObject(ssid, lifetime));
        }
        DeviceObject device = new DeviceObject();
        objects.setInstancesForObject(DEVICE, device);

        LeshanClientBuilder b = new LeshanClientBuilder(f.get("endpoint", "leshan-client"));
        b.setObjects(objects.createAll());
        b.setEndpointsProviders(new CaliforniumClientEndpointsProvider.Builder(
                new CoapClientProtocolProvider(), new CoapsClientProtocolProvider()).build());
        LeshanClient client = b.build();
        client.addObserver(new LwM2mClientObserverAdapter() {
            @Override
            public void onBootstrapSuccess(LwM2mServer s, BootstrapRequest r) {
                System.out.println("bootstrapped");
            }

            @Override
            public void onRegistrationSuccess(LwM2mServer s, RegisterRequest r, String id) {
                System.out.println("registered " + id);
            }

            @Override
            public void onUpdateSuccess(LwM2mServer s, UpdateRequest r) {
                System.out.println("updated");
            }

            @Override
            public void onDeregistrationSuccess(LwM2mServer s, DeregisterRequest r) {
                System.out.println("deregistered");
            }
        });
        client.start();
        System.out.println("ready");

        Scanner in = new Scanner(System.in);
        while (in.hasNextLine()) {
            String[] w = in.nextLine().trim().split(" ");
            try {
                switch (w[0]) {
                case "update" -> client.triggerRegistrationUpdate();
                case "bootstrap" -> client.triggerClientInitiatedBootstrap(true);
                case "set" -> {
                    String[] path = w[1].split("/");
                    device.set(Integer.parseInt(path[3]), Integer.parseInt(path[4]), Long.parseLong(w[2]));
                }
                case "deregister", "stop" -> {
                    client.destroy(true);
                    System.exit(0);
                }
                case "kill" -> Runtime.getRuntime().halt(0);
                default -> throw new IllegalArgumentException("unknown line");
                }
                System.out.println("ok " + String.join(" ", w));
            } catch (RuntimeException e) {
                System.out.println("error " + e);
            }
        }
        client.destroy(false);
        System.exit(0);
    }
}
