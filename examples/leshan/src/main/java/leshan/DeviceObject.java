package leshan;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel.Type;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;

/** The Device object with the resources of C.1 and C.4. */
public class DeviceObject extends BaseInstanceEnabler {
    private static final List<Integer> RESOURCES = Arrays.asList(0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 16);

    private final Map<Integer, String> texts = new HashMap<>();
    private final Map<Integer, Map<Integer, Long>> numbers = new HashMap<>();

    public DeviceObject() {
        texts.put(0, "Eclipse");
        texts.put(1, "Leshan 2.0.0-M15");
        texts.put(2, "LE-0001");
        texts.put(3, "2.0.0");
        texts.put(16, "U");
        numbers.put(6, new HashMap<>(Map.of(0, 1L, 1, 2L)));
        numbers.put(7, new HashMap<>(Map.of(0, 3800L, 1, 5000L)));
        numbers.put(8, new HashMap<>(Map.of(0, 125L, 1, 900L)));
        numbers.put(11, new HashMap<>(Map.of(0, 0L)));
    }

    @Override
    public synchronized ReadResponse read(LwM2mServer server, int resource) {
        if (texts.containsKey(resource)) {
            return ReadResponse.success(resource, texts.get(resource));
        }
        if (numbers.containsKey(resource)) {
            return ReadResponse.success(resource, new HashMap<>(numbers.get(resource)), Type.INTEGER);
        }
        return resource == 9 ? ReadResponse.success(9, 100L) : super.read(server, resource);
    }

    @Override
    public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
        return resource == 4 ? ExecuteResponse.success() : super.execute(server, resource, arguments);
    }

    /** Changes a value as a sensor does. */
    void set(int resource, int instance, long value) {
        synchronized (this) {
            if (!numbers.containsKey(resource)) {
                throw new IllegalArgumentException("/3/0/" + resource + " cannot be set");
            }
            numbers.get(resource).put(instance, value);
        }
        fireResourceChange(resource);
    }

    @Override
    public List<Integer> getAvailableResourceIds(ObjectModel model) {
        return new ArrayList<>(RESOURCES);
    }
}
