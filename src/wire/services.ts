/** The services of the protocol as a typed table: which methods there are, and which messages they take and give. */
import type { Reader, Writer } from 'protobufjs/minimal.js';
import { google, grpc, types } from './generated/proto.js';

const { Empty } = google.protobuf;

/**
 * A message's codec, as pbjs generates it.
 *
 * `Message` is what decoding gives: every field is there, absent ones with proto3's default value (0, false, '', [],
 * {}; null for a message and for an `optional` field). `Properties` is what encoding takes: a plain object in which any
 * field may be left out.
 */
interface MessageType<Message, Properties> {
  encode(message: Properties, writer?: Writer): Writer;
  decode(reader: Reader | Uint8Array, length?: number): Message;
}

/** A method: its bare name and the codecs of its request and response. */
interface MethodDescriptor<Request, RequestInit, Response, ResponseInit> {
  readonly name: string;
  readonly request: MessageType<Request, RequestInit>;
  readonly response: MessageType<Response, ResponseInit>;
}

/** Any method; for code that treats all of them alike. */
export type AnyMethod = MethodDescriptor<object, object, object, object>;

function method<Request, RequestInit, Response, ResponseInit>(
  name: string,
  request: MessageType<Request, RequestInit>,
  response: MessageType<Response, ResponseInit>,
): MethodDescriptor<Request, RequestInit, Response, ResponseInit> {
  return { name, request, response };
}

const AGENT_SERVICE = {
  CreateContainer: method('CreateContainer', grpc.CreateContainerRequest, Empty),
  StartContainer: method('StartContainer', grpc.StartContainerRequest, Empty),
  RemoveContainer: method('RemoveContainer', grpc.RemoveContainerRequest, Empty),
  ExecProcess: method('ExecProcess', grpc.ExecProcessRequest, Empty),
  SignalProcess: method('SignalProcess', grpc.SignalProcessRequest, Empty),
  WaitProcess: method('WaitProcess', grpc.WaitProcessRequest, grpc.WaitProcessResponse),
  UpdateContainer: method('UpdateContainer', grpc.UpdateContainerRequest, Empty),
  UpdateEphemeralMounts: method('UpdateEphemeralMounts', grpc.UpdateEphemeralMountsRequest, Empty),
  StatsContainer: method('StatsContainer', grpc.StatsContainerRequest, grpc.StatsContainerResponse),
  PauseContainer: method('PauseContainer', grpc.PauseContainerRequest, Empty),
  ResumeContainer: method('ResumeContainer', grpc.ResumeContainerRequest, Empty),
  RemoveStaleVirtiofsShareMounts: method(
    'RemoveStaleVirtiofsShareMounts',
    grpc.RemoveStaleVirtiofsShareMountsRequest,
    Empty,
  ),
  WriteStdin: method('WriteStdin', grpc.WriteStreamRequest, grpc.WriteStreamResponse),
  ReadStdout: method('ReadStdout', grpc.ReadStreamRequest, grpc.ReadStreamResponse),
  ReadStderr: method('ReadStderr', grpc.ReadStreamRequest, grpc.ReadStreamResponse),
  CloseStdin: method('CloseStdin', grpc.CloseStdinRequest, Empty),
  TtyWinResize: method('TtyWinResize', grpc.TtyWinResizeRequest, Empty),
  UpdateInterface: method('UpdateInterface', grpc.UpdateInterfaceRequest, types.Interface),
  UpdateRoutes: method('UpdateRoutes', grpc.UpdateRoutesRequest, grpc.Routes),
  ListInterfaces: method('ListInterfaces', grpc.ListInterfacesRequest, grpc.Interfaces),
  ListRoutes: method('ListRoutes', grpc.ListRoutesRequest, grpc.Routes),
  AddARPNeighbors: method('AddARPNeighbors', grpc.AddARPNeighborsRequest, Empty),
  GetIPTables: method('GetIPTables', grpc.GetIPTablesRequest, grpc.GetIPTablesResponse),
  SetIPTables: method('SetIPTables', grpc.SetIPTablesRequest, grpc.SetIPTablesResponse),
  GetMetrics: method('GetMetrics', grpc.GetMetricsRequest, grpc.Metrics),
  StartTracing: method('StartTracing', grpc.StartTracingRequest, Empty),
  StopTracing: method('StopTracing', grpc.StopTracingRequest, Empty),
  MemAgentMemcgSet: method('MemAgentMemcgSet', grpc.MemAgentMemcgConfig, Empty),
  MemAgentCompactSet: method('MemAgentCompactSet', grpc.MemAgentCompactConfig, Empty),
  CreateSandbox: method('CreateSandbox', grpc.CreateSandboxRequest, Empty),
  DestroySandbox: method('DestroySandbox', grpc.DestroySandboxRequest, Empty),
  OnlineCPUMem: method('OnlineCPUMem', grpc.OnlineCPUMemRequest, Empty),
  ReseedRandomDev: method('ReseedRandomDev', grpc.ReseedRandomDevRequest, Empty),
  GetGuestDetails: method('GetGuestDetails', grpc.GuestDetailsRequest, grpc.GuestDetailsResponse),
  MemHotplugByProbe: method('MemHotplugByProbe', grpc.MemHotplugByProbeRequest, Empty),
  SetGuestDateTime: method('SetGuestDateTime', grpc.SetGuestDateTimeRequest, Empty),
  CopyFile: method('CopyFile', grpc.CopyFileRequest, Empty),
  GetOOMEvent: method('GetOOMEvent', grpc.GetOOMEventRequest, grpc.OOMEvent),
  AddSwap: method('AddSwap', grpc.AddSwapRequest, Empty),
  AddSwapPath: method('AddSwapPath', grpc.AddSwapPathRequest, Empty),
  GetVolumeStats: method('GetVolumeStats', grpc.VolumeStatsRequest, grpc.VolumeStatsResponse),
  ResizeVolume: method('ResizeVolume', grpc.ResizeVolumeRequest, Empty),
  SetPolicy: method('SetPolicy', grpc.SetPolicyRequest, Empty),
  GetDiagnosticData: method('GetDiagnosticData', grpc.GetDiagnosticDataRequest, grpc.GetDiagnosticDataResponse),
};

const HEALTH_SERVICE = {
  Check: method('Check', grpc.CheckRequest, grpc.HealthCheckResponse),
  Version: method('Version', grpc.CheckRequest, grpc.VersionCheckResponse),
};

/** Every service by its full name, and its methods by their bare names. */
export const SERVICES = {
  'grpc.AgentService': AGENT_SERVICE,
  'grpc.Health': HEALTH_SERVICE,
} as const;

/** Full name of a service that we know. */
export type ServiceName = keyof typeof SERVICES;

/**
 * The messages of each method of a service: `request` and `response` as decoded, `requestInit` and `responseInit` as the
 * plain objects that are encoded.
 */
export type MethodTypes<Service> = {
  [Name in keyof Service]: Service[Name] extends MethodDescriptor<
    infer Request,
    infer RequestInit,
    infer Response,
    infer ResponseInit
  >
    ? { request: Request; requestInit: RequestInit; response: Response; responseInit: ResponseInit }
    : never;
};

/**
 * Finds a service's methods by a name that came over the wire.
 * @returns undefined where there is no such service.
 */
export function findService(name: string): ReadonlyMap<string, AnyMethod> | undefined {
  return METHODS_BY_NAME.get(name);
}

// Maps, not the objects above: a peer may ask for the method `constructor`.
const METHODS_BY_NAME: ReadonlyMap<string, ReadonlyMap<string, AnyMethod>> = new Map(
  Object.entries(SERVICES).map(([service, methods]) => [service, new Map<string, AnyMethod>(Object.entries(methods))]),
);
