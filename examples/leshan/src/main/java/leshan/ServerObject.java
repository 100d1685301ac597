package leshan;

import java.util.ArrayList;
import java.util.List;

import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;

/** Leshan's Server object, with Disable (4) and Disable Timeout (5), which the stock one lacks. */
public class ServerObject extends Server {
    private volatile long disableTimeout = 86400;

    public ServerObject() {
    }

    public ServerObject(int shortServerId, long lifetime) {
        super(shortServerId, lifetime);
    }

    @Override
    public ReadResponse read(LwM2mServer server, int resource) {
        return resource == 5 ? ReadResponse.success(5, disableTimeout) : super.read(server, resource);
    }

    @Override
    public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource value) {
        if (resource != 5) {
            return super.write(server, replace, resource, value);
        }
        disableTimeout = (Long) value.getValue();
        fireResourceChange(5);
        return WriteResponse.success();
    }

    @Override
    public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
        if (resource != 4) {
            return super.execute(server, resource, arguments);
        }
        LeshanClient client = (LeshanClient) getLwM2mClient();
        Thread disabled = new Thread(() -> {
            try {
                Thread.sleep(500); // so that the answer goes out first
                client.stop(true);
                Thread.sleep(disableTimeout * 1000);
                client.start();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        disabled.setDaemon(true);
        disabled.start();
        return ExecuteResponse.success();
    }

    @Override
    public List<Integer> getAvailableResourceIds(ObjectModel model) {
        List<Integer> all = new ArrayList<>(super.getAvailableResourceIds(model));
        for (int r : new int[] { 4, 5 }) {
            if (!all.contains(r)) {
                all.add(r);
            }
        }
        return all;
    }
}
